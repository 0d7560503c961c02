#!/usr/bin/env python3
"""What benchmarks/pictures compares with: Pillow, and torchvision's own decoders and resizing.

    python peer.py make DIR        write a picture like a photo, of 2048x1536 pixels, in every format
    python peer.py serve DIR       answer "PEER WORK FILE TIMES" lines with seconds of CPU time, one for all TIMES
    python peer.py versions        print what is used
"""
import io, os, platform, sys, time

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import io as tvio
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

torch.set_num_threads(1)
FORMATS = {
    "photo.jpg": dict(quality=90),
    "progressive.jpg": dict(quality=90, progressive=True),
    "444.jpg": dict(quality=90, subsampling=0),
    "photo.png": {},
    "palette.png": {},
    "photo.webp": dict(quality=85),
    "photo.gif": {},
    "photo.bmp": {},
    "deflate.tif": dict(compression="tiff_adobe_deflate"),
}


def make(directory):
    """Noise of every scale, as photos have it, and hard edges."""
    rng = np.random.default_rng(1)
    w, h = 2048, 1536
    a = np.full((h, w, 3), 120.0)
    for octave in range(1, 10):
        n = 2**octave
        small = Image.fromarray(rng.integers(0, 256, (max(h * n // w, 2), n, 3), dtype=np.uint8))
        a += (np.asarray(small.resize((w, h), Image.BICUBIC), float) - 127.5) * 1.1 / octave
    y, x = np.mgrid[0:h, 0:w]
    for _ in range(40):
        cx, cy, r = rng.integers(0, w), rng.integers(0, h), rng.integers(10, 200)
        a[(x - cx) ** 2 + (y - cy) ** 2 < r * r] += rng.normal(0, 40, 3)
    a += rng.normal(0, 2, a.shape)
    im = Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))
    for name, options in FORMATS.items():
        (im.quantize(200) if name in ("palette.png", "photo.gif") else im).save(os.path.join(directory, name), **options)


def pillow(work, data):
    if work == "decode":
        return lambda: Image.open(io.BytesIO(data)).convert("RGB")
    im = Image.open(io.BytesIO(data)).convert("RGB")
    f = Image.Resampling[work.upper()]
    return lambda: im.resize((341, 256), f)


def vision(work, data):
    file = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    if work == "decode":
        return lambda: tvio.decode_image(file, mode="RGB")
    x = tvio.decode_image(file, mode="RGB")
    return lambda: F.resize(x, [256, 341], InterpolationMode(work), antialias=True)


def serve(directory):
    jobs = {}
    for line in sys.stdin:
        peer, work, name, times = line.split()
        key = peer, work, name
        if key not in jobs:
            with open(os.path.join(directory, name), "rb") as f:
                data = f.read()
            jobs[key] = dict(pillow=pillow, torchvision=vision)[peer](work, data)
            jobs[key]()  # what is done once is no part of it
        run = jobs[key]
        start = time.process_time()
        for _ in range(int(times)):
            run()
        print(time.process_time() - start, flush=True)


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    print(f"Python {platform.python_version()}, Pillow {PIL.__version__}, PyTorch {torch.__version__}, "
          f"torchvision {torchvision.__version__}")
