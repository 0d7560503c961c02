#!/usr/bin/env python3
"""Writes golden.json: logits of a narrow vision transformer of torchvision, in float64, on weights and inputs of
../procedural.py.

python3 make_golden.py
"""
import pathlib
import sys

from torchvision.models.vision_transformer import VisionTransformer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from logits import golden  # noqa: E402

if __name__ == "__main__":
    model = VisionTransformer(image_size=112, patch_size=16, num_layers=3, num_heads=2, hidden_dim=128, mlp_dim=200,
                              num_classes=17)
    golden(model, [(112, 112)], {"class_token": (1, 0), "encoder.pos_embedding": (0.5, 0)})
