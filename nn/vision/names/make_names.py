#!/usr/bin/env python3
"""Writes the names of classes and keypoints, in order of their number, a line each, from torchvision's models/_meta.py:
coco.txt, imagenet.txt, voc.txt, persons.txt (Keypoint R-CNN's two classes) and keypoints.txt.   python3 make_names.py"""
from torchvision.models import _meta

for file, names in (
    ("coco.txt", _meta._COCO_CATEGORIES),
    ("imagenet.txt", _meta._IMAGENET_CATEGORIES),
    ("voc.txt", _meta._VOC_CATEGORIES),
    ("persons.txt", _meta._COCO_PERSON_CATEGORIES),
    ("keypoints.txt", _meta._COCO_PERSON_KEYPOINT_NAMES),
):
    with open(file, "w") as f:
        f.writelines(name + "\n" for name in names)
