#!/usr/bin/env python3
"""Writes golden.json: logits of a narrow VGG-13 of torchvision with batch norms, in float64, on weights and inputs of
../procedural.py.

python3 make_golden.py
"""
import pathlib
import sys

from torch import nn
from torchvision.models.vgg import VGG, make_layers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from logits import golden  # noqa: E402

if __name__ == "__main__":
    vgg = VGG(make_layers([8, 8, "M", 12, 20, "M", 24, 24, "M", 40, 40, "M", 40, 48, "M"], batch_norm=True), 17)
    vgg.classifier[0] = nn.Linear(48 * 7 * 7, 64)
    vgg.classifier[3] = nn.Linear(64, 56)
    vgg.classifier[6] = nn.Linear(56, 17)
    golden(vgg, [(224, 224), (230, 250)])
