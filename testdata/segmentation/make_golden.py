#!/usr/bin/env python3
"""Writes the files beside it: what torchvision's networks of segmentation make of a small image, in float64, and one of
them of a photo, on weights that internal/procedural makes too.

python3 make_golden.py       # made with torch 2.15.0, torchvision 0.29.2, Pillow 13.0.0

The networks are torchvision's. Those with a ResNet have its groups 16 channels wide instead of 64, and so a fifth of
the arithmetic. The photo goes through torchvision's own transform for these networks.
"""
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.models import resnet, segmentation
from torchvision.models.segmentation.deeplabv3 import _deeplabv3_resnet
from torchvision.models.segmentation.fcn import _fcn_resnet
from torchvision.transforms._presets import SemanticSegmentation

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from procedural import install, random  # noqa: E402

PHOTO = "photo_240x320_11.png"
NONE = dict(weights=None, weights_backbone=None)

# A calm network: the sums of the residuals do not grow. And logits that differ more from place to place than from
# class to class, so that every class is somewhere.
SPECIAL = {r".*bn3\.weight": (0.0625, 0.25), r"classifier\.(4|low_classifier|high_classifier)\.bias": (0.0, 0.0)}


def narrow(build, layers, aux):
    trunk = resnet.ResNet(resnet.Bottleneck, layers, width_per_group=16,
                          replace_stride_with_dilation=[False, True, True])
    return build(trunk, 21, aux)


NETWORKS = {
    "fcn_resnet50": lambda: narrow(_fcn_resnet, [3, 4, 6, 3], True),
    "fcn_resnet101": lambda: narrow(_fcn_resnet, [3, 4, 23, 3], None),
    "deeplabv3_resnet50": lambda: narrow(_deeplabv3_resnet, [3, 4, 6, 3], None),
    "deeplabv3_resnet101": lambda: narrow(_deeplabv3_resnet, [3, 4, 23, 3], True),
    "deeplabv3_mobilenet_v3_large": lambda: segmentation.deeplabv3_mobilenet_v3_large(**NONE, aux_loss=True),
    "lraspp_mobilenet_v3_large": lambda: segmentation.lraspp_mobilenet_v3_large(**NONE),
}


def runs(classes):
    """The lengths of runs of one class and what that is, alternating."""
    flat = classes.flatten()
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, len(flat))
    return [int(n) for end, start in zip(ends, np.append(0, ends)) for n in (end - start, flat[start])]


def short(v):
    """As few digits as tell float32 apart."""
    return float(str(np.float32(v)))


def save(classes, name):
    Image.fromarray(classes.astype(np.uint8)).save(here / name, optimize=True)


@torch.no_grad()
def main():
    for name, build in NETWORKS.items():
        model = build()
        described = install(model, SPECIAL)
        if name == "lraspp_mobilenet_v3_large":
            photo = Image.open(here.parent / "tv0292" / PHOTO).convert("RGB")
            x = SemanticSegmentation(resize_size=520)(photo).unsqueeze(0)
            out = model(x)["out"]
            save(out[0].argmax(0).numpy(), "photo_network.png")
            resized = F.interpolate(out, size=photo.size[::-1], mode="bilinear", align_corners=False)
            save(resized[0].argmax(0).numpy(), "photo.png")
            with open(here / "photo.json", "w") as f:
                json.dump({"photo": PHOTO, "shape": list(x.shape), "step": 9973,
                           "samples": [short(v) for v in x.flatten()[::9973]]}, f)
            print(name, "photo", np.bincount(out[0].argmax(0).flatten(), minlength=21))
        model.double()
        h, w = 97, 129  # blocks of 16 pixels, and noise
        blocks = random("blocks", (1, 3, 7, 9), 2.0).repeat_interleave(16, 2).repeat_interleave(16, 3)
        x = random("noise", (1, 3, h, w), 0.5) + blocks[:, :, :h, :w]
        y = model(x.double())["out"][0]
        scale = y.abs().max().item()
        f32 = (model.float()(x)["out"][0] - y).abs().max().item() / scale
        classes = y.argmax(0).numpy()
        print(name, "max", scale, "float32", f32, np.bincount(classes.flatten(), minlength=21))
        state = {key: [shape, short(scale), short(mean)] for key, (shape, scale, mean) in described.items()}
        with open(here / (name + ".json"), "w") as f:
            json.dump({"state_dict": state, "shape": list(y.shape), "greatest": short(scale),
                       "float32_error": short(f32), "step": 211, "logits": [short(v) for v in y.flatten()[::211]],
                       "classes": runs(classes)}, f, separators=(",", ":"))


torch.set_num_threads(1)
main()
