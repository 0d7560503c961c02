#!/usr/bin/env python3
"""Writes allowed.txt beside this file: the globals that torch.load(weights_only=True) allows.

    python allowed_make.py           (torch 2.15)
"""
import os

from torch._weights_only_unpickler import _get_allowed_globals

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "allowed.txt"), "w") as f:
    f.write("\n".join(sorted(_get_allowed_globals())) + "\n")
