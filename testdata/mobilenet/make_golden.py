#!/usr/bin/env python3
"""Writes golden.json: logits of torchvision's MobileNetV3s, on weights and inputs as ../resnet/make_golden.py makes them.

python3 make_golden.py
"""
import importlib.util
import pathlib

path = pathlib.Path(__file__).resolve().parent.parent / "resnet" / "make_golden.py"
spec = importlib.util.spec_from_file_location("resnet", path)
resnet = importlib.util.module_from_spec(spec)
spec.loader.exec_module(resnet)

resnet.golden([(arch, side) for arch in ("mobilenet_v3_small", "mobilenet_v3_large") for side in (65, 224)])
