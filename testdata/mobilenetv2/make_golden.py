#!/usr/bin/env python3
"""Writes golden.json: logits of a narrow MobileNetV2 of torchvision, in float64, on weights and inputs of
../procedural.py.

python3 make_golden.py
"""
import pathlib
import sys

from torchvision.models import mobilenet_v2

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from logits import golden  # noqa: E402

if __name__ == "__main__":
    golden(mobilenet_v2(width_mult=0.35, num_classes=17), [(64, 64), (75, 101), (32, 47)])
