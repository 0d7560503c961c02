#!/usr/bin/env python3
"""Writes golden.json: logits of torchvision's ResNets, in float64, on weights and inputs that any language can rebuild.

Every weight and every input is scale(name) * u(name, i) in float32, with
    u(name, i) = (splitmix64(fnv1a64(name) + (i + 1) * 0x9E3779B97F4A7C15) >> 40) * 2^-23 - 1
and the scale by the kind of tensor, see weight().   python3 make_golden.py
"""
import json
import math

import numpy as np
import torch
import torchvision

M64 = (1 << 64) - 1


def fnv1a64(s):
    h = 0xCBF29CE484222325
    for b in s.encode():
        h = ((h ^ b) * 0x100000001B3) & M64
    return h


def u(name, n):
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name)) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def random(name, shape, scale):
    return torch.from_numpy((u(name, math.prod(shape)) * np.float32(scale)).reshape(shape))


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
