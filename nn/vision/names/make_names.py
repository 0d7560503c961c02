#!/usr/bin/env python3
"""Writes coco.txt and imagenet.txt, the names of classes in order of their number, a line each, from torchvision's
models/_meta.py.   python3 make_names.py"""
from torchvision.models import _meta

for file, names in (("coco.txt", _meta._COCO_CATEGORIES), ("imagenet.txt", _meta._IMAGENET_CATEGORIES)):
    with open(file, "w") as f:
        f.writelines(name + "\n" for name in names)
