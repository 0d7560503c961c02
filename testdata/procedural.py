"""Weights and inputs that any language can rebuild, for the scripts that make golden data.

Every tensor is mean + scale * u(name, i) in float32, with
    u(name, i) = (splitmix64(fnv1a64(name) + (i + 1) * 0x9E3779B97F4A7C15) >> 40) * 2^-23 - 1
from -1 to 1. The package internal/procedural makes the same in Go.
"""
import math

import numpy as np
import torch

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


def random(name, shape, scale, mean=0.0):
    values = u(name, math.prod(shape)) * np.float32(scale) + np.float32(mean)
    return torch.from_numpy(values.reshape(shape))


def scale_and_mean(name, shape):
    """What a tensor has unless make_golden.py says otherwise."""
    if len(shape) > 1:  # convolutions and linear layers: variance 2 / fan-in
        return math.sqrt(6 / math.prod(shape[1:])), 0.0
    if name.endswith("running_var"):
        return 0.25, 1.0
    if name.endswith(".weight"):  # of a norm
        return 0.125, 1.0
    return 0.125, 0.0


def install(model, special=None):
    """Gives the model its weights, and returns the "state_dict" of golden.json: {name: [shape, scale, mean]}.

    special is {name or a regular expression that matches all of it: (scale, mean) or a factor for the usual scale};
    the first that fits counts.
    """
    import re

    described, state = {}, {}
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        shape = list(tensor.shape)
        scale, mean = scale_and_mean(name, shape)
        for pattern, value in (special or {}).items():
            if re.fullmatch(pattern, name):
                scale, mean = value if isinstance(value, tuple) else (scale * value, mean)
                break
        scale, mean = float(np.float32(scale)), float(np.float32(mean))
        described[name] = [shape, scale, mean]
        state[name] = random(name, tuple(shape), scale, mean)
    model.load_state_dict(state, strict=False)
    model.eval()
    return described
