"""Makes coco.json: what pycocotools makes of masks and polygons that coco_test.go makes by the same formulas.

    python make_coco_goldens.py             # in this directory

For each mask a digest of its size, area, box, runs and compressed counts, and for every two masks their IoU and digests
of their union and intersection; for each polygon a digest of the mask that it covers. The committed file was made with
pycocotools 2.0.11.
"""
import hashlib, json

import numpy as np
from pycocotools import mask as coco

MASKS, POLYGONS = 1000, 500
U = np.uint64


def mix(z):
    """SplitMix64 of z, in wrapping arithmetic."""
    with np.errstate(over="ignore"):
        z = np.asarray(z, U) + U(0x9E3779B97F4A7C15)
        z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
        return z ^ (z >> U(31))


def draw(seed, k, below):
    """The k-th number of a seed, from 0 to below-1."""
    return int(mix(seed << 20 | k) >> U(16)) % below


def mask(i):
    """Mask i; masks 2n and 2n+1 are of one size."""
    h, w = 1 + draw(i // 2, 0, 90), 1 + draw(i // 2, 1, 140)
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    kind = draw(i, 2, 4)
    if kind == 0:  # noise
        cells = mix(((i << 20) + 64 + y * w + x).astype(U)) >> U(16)
        return cells % U(100) < U(draw(i, 3, 101))
    m = np.zeros((h, w), bool)
    for k in range(1 + draw(i, 4, 6)):  # discs or rectangles, each turning what it covers over
        cx, cy, r = draw(i, 8 + 4 * k, w), draw(i, 9 + 4 * k, h), draw(i, 10 + 4 * k, 2 + max(h, w) // 2)
        if kind == 1:
            m ^= (abs(x - cx) <= r) & (abs(y - cy) <= draw(i, 11 + 4 * k, 40))
        else:
            m ^= (x - cx) ** 2 + (y - cy) ** 2 <= r * r
    return m


def polygon(i):
    """A picture's size and a polygon, partly outside of it and often crossing itself, in eighths of a pixel."""
    h, w = 1 + draw(i, 0, 60), 1 + draw(i, 1, 60)
    n = 3 + draw(i, 2, 12)
    side = [8 * (w + 12), 8 * (h + 12)]
    return h, w, [draw(i, 8 + k, side[k % 2]) / 8 - 6 for k in range(2 * n)]


def runs(m):
    flat = m.flatten(order="F")
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flat]))).tolist() + [flat.size]
    return np.diff([0] + ends).tolist()


def digest(*what):
    return hashlib.sha256(" ".join(map(str, what)).encode()).hexdigest()[:16]


def encode(m):
    return coco.encode(np.asfortranarray(m.astype(np.uint8)))


def counts(rle):
    return rle["counts"].decode()


masks, pairs, polygons = [], [], []
for i in range(MASKS):
    m = mask(i)
    h, w = m.shape
    rle = encode(m)
    plain = runs(m)
    assert coco.frPyObjects(dict(size=[h, w], counts=plain), h, w) == rle
    assert (coco.decode(rle) == m).all()
    box = [int(v) for v in coco.toBbox(rle)]
    if not m.any():
        box = [0, 0, 0, 0]
    masks.append(digest(h, w, int(coco.area(rle)), *box, *plain, counts(rle)))
    if i % 2:
        both = [encode(mask(i - 1)), rle]
        iou = float(coco.iou(both[:1], both[1:], [0])[0, 0])
        pairs.append([iou, digest(counts(coco.merge(both))), digest(counts(coco.merge(both, intersect=True)))])
for i in range(POLYGONS):
    h, w, p = polygon(i)
    one, two = coco.frPyObjects([p, p[2:] + [3.3, 7.7]], h, w)
    covered = coco.decode(one)
    union = coco.merge([one, two])
    polygons.append([digest(counts(encode(covered))), digest(counts(union))])
with open("coco.json", "w") as f:
    json.dump(dict(masks=masks, pairs=pairs, polygons=polygons), f, indent=0)
    f.write("\n")
