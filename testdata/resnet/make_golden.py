#!/usr/bin/env python3
"""Writes golden.json: logits of torchvision's ResNets, in float64, on weights and inputs that any language can rebuild.

Weights and inputs are those of ../procedural.py, the scale by the kind of tensor, see weight().

python3 make_golden.py
"""
import json
import math
import pathlib
import sys

import torch
import torchvision

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from procedural import random  # noqa: E402


def weight(name, shape):
    if len(shape) > 1:  # convolutions and fc: variance 2 / fan-in
        return random(name, shape, math.sqrt(6 / math.prod(shape[1:])))
    if name.endswith("running_var"):
        return random(name, shape, 0.25) + 1
    if name.endswith("running_mean"):
        return random(name, shape, 0.125)
    if name.endswith("bn3.weight"):  # a calm network: the sums of the residuals do not grow
        return random(name, shape, 0.0625) + 0.25
    if name.endswith(".weight"):
        return random(name, shape, 0.125) + 1
    return random(name, shape, 0.125)


def golden(cases):
    """Writes golden.json: the logits of each (architecture, side of the input)."""
    torch.set_num_threads(1)
    out = {"torch": torch.__version__, "torchvision": torchvision.__version__, "cases": []}
    models = {}
    for arch, side in cases:
        if arch not in models:
            model = getattr(torchvision.models, arch)(weights=None).eval()
            state = {k: weight(k, tuple(v.shape)) for k, v in model.state_dict().items() if v.is_floating_point()}
            model.load_state_dict(state, strict=False)
            models[arch] = model
        model = models[arch]
        x = random(f"input{side}", (1, 3, side, side), 2)
        with torch.no_grad():
            y = model.float()(x)[0]
            z = model.double()(x.double())[0]
        error = float((y - z).abs().max() / z.abs().max())
        print(arch, side, "max |logit|", float(z.abs().max()), "std", float(z.std()), "torch's own error", error)
        out["cases"].append({"arch": arch, "side": side, "torch_error": error, "logits": [float(v) for v in z.float()]})
    with open("golden.json", "w") as f:
        text = json.dumps(out)
        f.write(text + "\n")


if __name__ == "__main__":
    golden([("resnet18", 64), ("resnet18", 224), ("resnet50", 64), ("resnet50", 224), ("resnext50_32x4d", 64)])
