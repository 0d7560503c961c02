#!/usr/bin/env python3
"""Writes golden.pth, a small dump for the tests of argand compare: what torchvision computes with the network of
testdata/shapes on a picture of 64x64 pixels, golden.png.   python3 make_golden.py"""
import pathlib
import sys

import torch
from PIL import Image
from torchvision.ops.misc import FrozenBatchNorm2d

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent.parent
sys.path[:0] = [str(root / "benchmarks/peers"), str(root / "testdata/shapes")]
from dump_golden import dump  # noqa: E402
import train_shapes  # noqa: E402

torch.set_num_threads(1)
model = train_shapes.build(16, 64, 128, FrozenBatchNorm2d)
model.load_state_dict(torch.load(root / "testdata/shapes/model.pth", map_location="cpu"))
model.transform.min_size, model.transform.max_size = (192,), 270
Image.open(root / "testdata/shapes/s192.png").convert("RGB").resize((64, 64)).save(here / "golden.png", optimize=True)
found = dump(model, here / "golden.png", here / "golden.pth", total=16, each=4)
print(len(found["scores"]), "objects")
