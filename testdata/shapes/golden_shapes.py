#!/usr/bin/env python3
"""Writes what torchvision finds with the network of train_shapes.py: the six pictures, expected.json (model.pth),
expected_f16.json (the same weights rounded to half precision, computed in single) and expected_masks.npz (masks of
expected.json at 0.5, packed bits).

    python3 golden_shapes.py shapes_r50w16.pth    # also writes model.pth and model_f16.pth
    python3 golden_shapes.py                      # from model.pth beside it
"""
import json
import os
import sys

import numpy as np
import torch
from PIL import Image
from torchvision.ops.misc import FrozenBatchNorm2d

import train_shapes as T

CASES = [("s192", 5001, 192, 192, 270), ("s256", 5002, 256, 256, 360), ("s256up", 5003, 160, 256, 360),
         ("s512", 5004, 512, 512, 720), ("s640", 5011, 640, 640, 900), ("default800", 5006, 256, 800, 1333)]


def load(name):
    here = os.path.exists(name + ".png")
    path = (name if here else "../../internal/shapes/" + name) + ".png"
    return torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1).contiguous().float() / 255


def run(model):
    cases, masks = [], {}
    for name, _, _, min_size, max_size in CASES:
        model.transform.min_size, model.transform.max_size = (min_size,), max_size
        with torch.no_grad():
            d = model([load(name)])[0]
        binary = d["masks"][:, 0] >= 0.5
        cases.append(dict(name=name, image=name + ".png", min_size=min_size, max_size=max_size,
                          boxes=d["boxes"].tolist(), labels=d["labels"].tolist(), scores=d["scores"].tolist(),
                          mask_area=binary.flatten(1).sum(1).tolist()))
        masks[name] = np.packbits(binary.numpy().reshape(len(binary), -1), axis=1)
        print(name, len(d["labels"]), "detections")
    return dict(torch=torch.__version__, classes=T.CLASSES, cases=cases), masks


torch.set_num_threads(1)
model = T.build(16, 64, 128, FrozenBatchNorm2d)
if len(sys.argv) > 1:
    for name, seed, size, _, _ in CASES:
        Image.fromarray(T.scene(seed, size, 9)[0]).save(name + ".png", optimize=True)
    state = torch.load(sys.argv[1], map_location="cpu")
    state = {k: v.contiguous() for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(state, "model.pth")
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, "model_f16.pth")
state = torch.load("model.pth", map_location="cpu")
model.load_state_dict(state)
model.eval()
expected, masks = run(model)
json.dump(expected, open("expected.json", "w"))
np.savez_compressed("expected_masks.npz", **masks)
model.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in state.items()})
json.dump(run(model)[0], open("expected_f16.json", "w"))
