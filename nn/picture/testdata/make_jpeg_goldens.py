"""Makes testdata/jpeg: JPEG files and digests.json, the SHA-256 of what Pillow's convert("RGB") makes of each.

    python make_jpeg_goldens.py             # in this directory

The committed files were made with Pillow 13.0.0 (libjpeg-turbo 3.2.0).
"""
import hashlib, io, json, os

import numpy as np
from PIL import Image

rng = np.random.default_rng(8)
os.makedirs("jpeg", exist_ok=True)
digests = {}


def scene(w, h):
    y, x = np.mgrid[0:h, 0:w].astype(float)
    a = np.stack([128 + 110 * np.sin(x / 5 + y / 9), 128 + 110 * np.cos(y / 6 - x / 11), 255 * x / max(w - 1, 1)], -1)
    a[(x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 4) ** 2] = (230, 20, 40)
    a[:, w * 3 // 4 : w * 3 // 4 + 3] = (10, 30, 250)
    return Image.fromarray(np.clip(a + rng.normal(0, 6, a.shape), 0, 255).astype(np.uint8))


def encode(im, **options):
    b = io.BytesIO()
    im.save(b, "JPEG", **options)
    return bytearray(b.getvalue())


def keep(name, data):
    with open(f"jpeg/{name}.jpg", "wb") as f:
        f.write(data)
    im = Image.open(io.BytesIO(data)).convert("RGB")
    digests[name] = dict(size=im.size, sha256=hashlib.sha256(np.array(im).tobytes()).hexdigest())


QUALITIES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 98, 100)
for i, q in enumerate(QUALITIES):
    for sub, ratio in enumerate(("444", "422", "420")):
        im = scene(35 + (7 * i + sub) % 31, 33 + (5 * i + 3 * sub) % 29)
        progressive = (i + sub) % 2 == 1
        kind = "progressive" if progressive else "baseline"
        keep(f"{ratio}_q{q}_{kind}", encode(im, quality=q, subsampling=sub, progressive=progressive))

for progressive in (False, True):
    kind = "progressive" if progressive else "baseline"
    options = dict(quality=83, progressive=progressive)
    im = scene(53, 43)
    keep(f"gray_{kind}", encode(im.convert("L"), **options))
    keep(f"rgb_{kind}", encode(im, keep_rgb=True, **options))
    keep(f"optimized_{kind}", encode(im, optimize=True, **options))
    keep(f"restart_blocks_{kind}", encode(im, restart_marker_blocks=3, **options))
    keep(f"restart_rows_{kind}", encode(im, restart_marker_rows=1, **options))
    keep(f"noise_{kind}", encode(Image.fromarray(rng.integers(0, 2, (21, 23, 3)).astype(np.uint8) * 255), **options))
    d = encode(im.convert("CMYK"), **options)
    keep(f"cmyk_{kind}", d)
    at = d.index(b"\xff\xee")
    d[at + 15] = 2  # Adobe's transform: the same numbers read as YCCK
    keep(f"ycck_{kind}", d)
    # A square in 4:2:2 has as many units in 4:4:0, and one of 29 in 4:2:0 as many in 4:1:1: patch the luma's factors.
    for ratio, sub, factors in (("440", 1, 0x12), ("411", 2, 0x41)):
        d = encode(scene(29, 29), subsampling=sub, **options)
        d[d.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 11] = factors
        keep(f"{ratio}_{kind}", d)

with open("jpeg/digests.json", "w") as f:
    json.dump(digests, f, indent=0, sort_keys=True)
    f.write("\n")
