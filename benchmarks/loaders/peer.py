#!/usr/bin/env python3
"""What benchmarks/loaders compares with: torch.load, in one process for each measurement.

    python peer.py make FILE     write torchvision's Mask R-CNN, 178 MB, with random weights
    python peer.py load FILE     print the milliseconds of torch.load(FILE, weights_only=True)
    python peer.py mmap FILE     the same with mmap=True
    python peer.py versions      print what is used
"""
import os, platform, sys, tempfile, time

import torch


def load(path, mmap=False):
    return torch.load(path, weights_only=True, mmap=mmap)


def main(what, path=None):
    if what == "versions":
        print(f"Python {platform.python_version()}, PyTorch {torch.__version__}")
        return
    if what == "make":
        from torchvision.models.detection import maskrcnn_resnet50_fpn

        torch.manual_seed(0)
        model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        torch.save(model.state_dict(), path)
        return
    with tempfile.TemporaryDirectory() as d:  # what torch imports when it first loads is not its speed
        small = os.path.join(d, "small.pth")
        torch.save({"w": torch.ones(3)}, small)
        load(small, mmap=what != "load")
    start = time.perf_counter()
    load(path, mmap=what != "load")
    print((time.perf_counter() - start) * 1000)


main(*sys.argv[1:])
