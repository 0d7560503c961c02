#!/usr/bin/env python3
"""Writes ssd300.json and ssdlite320.json: what torchvision's SSDs, on the weights of ../procedural.py, find in pictures of
../tv0292, and every hundredth of their default boxes.

The SSD300 has an eighth of the channels, and both have few classes. What is found has to be the same in float64.

python3 make_golden.py
"""
import json
import pathlib
import sys

import numpy as np
import torch
import torchvision
from PIL import Image

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from procedural import install  # noqa: E402

torch.set_num_threads(1)
NARROW = 8


def narrow(model):
    """Replaces all convolutions by such of fewer channels; the forward methods stay torchvision's."""
    for module in model.modules():
        for name, conv in list(module.named_children()):
            if not isinstance(conv, torch.nn.Conv2d):
                continue
            width_in = conv.in_channels if conv.in_channels == 3 else conv.in_channels // NARROW
            head = isinstance(module, torch.nn.ModuleList)
            width_out = conv.out_channels if head else conv.out_channels // NARROW
            setattr(module, name, torch.nn.Conv2d(
                width_in, width_out, conv.kernel_size, conv.stride, conv.padding, conv.dilation))
    model.backbone.scale_weight = torch.nn.Parameter(torch.ones(512 // NARROW))
    return model


def levels(pattern, first, more):
    """Factors that grow with the level: large boxes are few, and would all be less likely than some small one."""
    return {pattern % level: first + more * level for level in range(6)}


def picture(name):
    pixels = np.asarray(Image.open(here.parent / "tv0292" / name).convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def round_trip(values):
    return [float(np.float32(v)) for v in values]


def golden(name, model, described, cases):
    found = []
    boxes = []
    generate = model.anchor_generator.forward
    model.anchor_generator.forward = lambda *a: boxes.append(generate(*a)) or boxes[-1]
    for file, threshold in cases:
        model.score_thresh = threshold
        with torch.no_grad():
            want = model([picture(file)])[0]
            exact = model.double()([picture(file).double()])[0]
            model.float()
        assert want["labels"].tolist() == exact["labels"].tolist(), f"{name}, {file}: other objects in float64"
        score = (want["scores"] - exact["scores"]).abs().max().item()
        box = (want["boxes"] - exact["boxes"]).abs().max().item()
        assert score < 1e-5 and box < 0.005, f"{name}, {file}: float64 is {score} and {box} pixels off"
        labels = want["labels"].bincount().tolist()
        print(f"{name}, {file}: {len(want['scores'])} objects of classes {labels}, scores {want['scores'][0]:.3f} to"
              f" {want['scores'][-1]:.3f}; float64 is {score:.1g} and {box:.1g} pixels off")
        found.append({
            "picture": file, "threshold": threshold,
            "boxes": [round_trip(b) for b in want["boxes"].tolist()], "labels": want["labels"].tolist(),
            "scores": round_trip(want["scores"].tolist()),
        })
    defaults = boxes[0][0]
    data = {
        "torchvision": torchvision.__version__, "state_dict": described, "cases": found,
        "default_boxes": len(defaults), "every": 100,
        "some_boxes": [round_trip(b) for b in defaults[::100].tolist()],
    }
    text = json.dumps(data, separators=(",", ":")).replace('],"', '],\n"').replace('}],"', '}],\n"')
    (here / f"{name}.json").write_text(text + "\n")


detection = torchvision.models.detection
pictures = ["photo_240x320_11.png", "photo_300x200_5.png"]

ssd300 = narrow(detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=6))
described = install(ssd300, {
    "backbone.scale_weight": (5, 20),
    "backbone.features.0.weight": 1 / 64,  # pixels are up to 128 here
    **levels(r"head.classification_head.module_list.%d.weight", 0.22, 0.2),
    r"head.classification_head.*bias": (1, 0),
})
golden("ssd300", ssd300, described, [(pictures[0], 0.01), (pictures[1], 0.75)])

ssdlite = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=6)
described = install(ssdlite, {
    r"backbone.features.*block.[23].1.weight": (0.125, 0.7),  # calm: sums of residuals hardly grow
    **levels(r"head.classification_head.module_list.%d.1.weight", 0.8, 0.2),
    r"head.classification_head.*bias": (1, 0),
})
golden("ssdlite320", ssdlite, described, [(pictures[0], 0.001), (pictures[1], 0.75)])
