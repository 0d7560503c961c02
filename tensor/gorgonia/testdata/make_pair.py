#!/usr/bin/env python3
"""Writes pair.safetensors: a (2, 3) and b (3, 2), float32.

    python make_pair.py        (safetensors 0.8, numpy 2.4)
"""
import os

import numpy as np
from safetensors.numpy import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
save_file({
    "a": np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    "b": np.array([[1, 0], [0.5, 1], [0, 2]], np.float32),
}, "pair.safetensors")
