#!/usr/bin/env python3
"""Writes golden.json: logits of a narrow ConvNeXt of torchvision, in float64, on weights and inputs of ../procedural.py.

python3 make_golden.py
"""
import pathlib
import sys

from torchvision.models.convnext import CNBlockConfig, ConvNeXt

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from logits import golden  # noqa: E402

if __name__ == "__main__":
    stages = [CNBlockConfig(24, 40, 2), CNBlockConfig(40, 50, 1), CNBlockConfig(50, 72, 3), CNBlockConfig(72, None, 2)]
    golden(ConvNeXt(stages, num_classes=17), [(64, 64), (75, 101), (32, 47)], {r".*layer_scale": (0.5, 0.25)})
