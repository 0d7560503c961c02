"""Writes torch.json: operators run by PyTorch and torchvision, to hold the loops of package optest to.

    python3 torch_golden.py        # made with torch 2.15.0, torchvision 0.29.2

Numbers that selections depend on lie on coarse grids, as in the package's own cases.
"""
import base64
import json

import torch
import torch.nn.functional as F
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.roi_heads import RoIHeads, heatmaps_to_keypoints, maskrcnn_inference
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign

torch.manual_seed(7)
cases = []


def pack(t):
    t = t.detach().contiguous()
    return {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape),
            "data": base64.b64encode(t.numpy().tobytes()).decode()}


def case(name, inputs, outputs, weights=(), **attributes):
    cases.append({"name": name, "in": [pack(t) for t in inputs], "out": [pack(t) for t in outputs],
                  "weights": [pack(t) for t in weights], "attributes": attributes})


def i32(*v):
    return torch.tensor(v, dtype=torch.int32)


x, w, b = torch.randn(2, 4, 7, 9), torch.randn(6, 2, 3, 2), torch.randn(6)
case("conv2d", [x], [F.conv2d(x, w, b, (2, 1), (1, 2), (1, 3), 2)], [w, b])
x, w, b = torch.randn(2, 3, 4, 5), torch.randn(3, 5, 3, 2), torch.randn(5)
case("conv_transpose2d", [x], [F.conv_transpose2d(x, w, b, (2, 3), (1, 0))], [w, b])
x, w, b = torch.randn(3, 7), torch.randn(5, 7), torch.randn(5)
case("linear", [x], [torch.sigmoid(F.linear(x, w, b))], [w, b])
x, g, b, m, v = torch.randn(2, 3, 4, 5), torch.randn(3), torch.randn(3), torch.randn(3), torch.rand(3) + 0.1
case("batch_norm", [x], [F.batch_norm(x, m, v, g, b, eps=1e-3)], [g, b, m, v])
x = torch.randn(2, 3, 8, 9)
x[0, 1, 3, 4], x[1, 2, 0, 0] = float("nan"), float("-inf")
case("max_pool2d", [x], [F.max_pool2d(x, (3, 2), (2, 3), (1, 1))])
x = torch.randn(1, 2, 14, 5)
case("interpolate", [x, torch.zeros(1, 1, 46, 9)], [F.interpolate(x, size=(46, 9), mode="nearest")])

# RoIAlign over four levels of an image of 512×384; boxes of every level, some outside or narrow.
features = {str(l): torch.randn(2, 3, 512 // s, 384 // s) for l, s in enumerate((16, 32, 64, 128))}
counts, boxes = [7, 5], torch.zeros(2, 7, 4)
for n, c in enumerate(counts):
    side = torch.exp2(torch.rand(c, 2) * 6 + 3)
    centre = torch.rand(c, 2) * torch.tensor([384.0, 512.0])
    boxes[n, :c] = torch.cat([centre - side / 2, centre + side / 2], 1)
pool = MultiScaleRoIAlign(list("0123"), 7, 2, canonical_scale=64)
y = pool(features, [boxes[n, :c] for n, c in enumerate(counts)], [(512, 384)] * 2)
y = torch.cat([y, torch.zeros(14 - len(y), *y.shape[1:])])
case("roi_align", [boxes, i32(*counts), *features.values()], [y], scales=[1 / 16, 1 / 32, 1 / 64, 1 / 128])


def proposals(name, image, sizes, grids, low, post=1000, nms=0.7, minimum=1e-3):
    n = len(sizes)
    anchors = AnchorGenerator(((32,),) * len(grids), ((1.0,),) * len(grids))
    rpn = RegionProposalNetwork(anchors, RPNHead(4, 1), 0.7, 0.3, 256, 0.5,
                                dict(training=1000, testing=1000), dict(training=post, testing=post), nms, 0.0).eval()
    rpn.min_size = minimum
    objectness, deltas = [], []
    for h, w in grids:
        objectness.append(torch.randperm(n * h * w).reshape(n, 1, h, w) / 64 + low + len(deltas) / 256)
        d = torch.zeros(n, 4, h, w)
        d[:, :2] = torch.randint(-8, 9, (n, 2, h, w)) / 16
        d[:, 2:] = torch.where(torch.rand(n, 2, h, w) < 0.02, torch.tensor(50.0), torch.tensor(0.0))
        deltas.append(d)
    images = ImageList(torch.zeros(n, 3, *image), sizes)
    a = anchors(images, objectness)
    scores, d = concat_box_prediction_layers(list(objectness), list(deltas))
    decoded = rpn.box_coder.decode(d, a).view(n, -1, 4)
    found, _ = rpn.filter_proposals(decoded, scores, sizes, [h * w for h, w in grids])
    capacity = min(post, sum(min(1000, h * w) for h, w in grids))
    out = torch.zeros(n, capacity, 4)
    for i, f in enumerate(found):
        out[i, : len(f)] = f
    case(name, [torch.tensor(sizes).float(), torch.zeros(n, 0, *image), *objectness, *deltas],
         [out, i32(*map(len, found))], post=post, nms=nms, minimum=minimum)
    print(name, [len(f) for f in found], capacity)


proposals("proposals at once", (64, 96), [(64, 90), (50, 96)], [(8, 12), (4, 6)], -3)
proposals("proposals of score one", (64, 96), [(64, 96)], [(8, 12), (4, 6)], 20, post=50, nms=0.5)
proposals("proposals level by level", (128, 320), [(128, 300)], [(32, 40), (16, 20), (8, 10)], -9, minimum=8)


def detections(name, sizes, counts, classes, per_row, limit=100, threshold=0.5):
    heads = RoIHeads(None, None, None, 0.5, 0.5, 512, 0.25, (10.0, 10.0, 5.0, 5.0), 0.05, threshold, limit)
    n, r = len(counts), max(counts)
    total = sum(counts)
    props = torch.zeros(n, r, 4)
    logits, deltas = torch.full((n * r, classes), -40.0), torch.zeros(n * r, 4 * classes)
    rank = torch.randperm(total * per_row).reshape(total, per_row)
    for i, c in enumerate(counts):
        side = 2.0 ** torch.randint(3, 6, (c, 2))
        corner = torch.randint(0, 40, (c, 2)) * 2.0
        props[i, :c] = torch.cat([corner, corner + side], 1)
    for row in range(total):
        p = (0.12 + 0.85 * rank[row] / rank.numel()) / per_row
        p[rank[row] % 6 == 5] = 0.04
        logits[row, 1 + torch.randperm(classes - 1)[:per_row]] = torch.log(p)
        logits[row, 0] = torch.log(1 - p.sum())
        d = torch.zeros(classes, 4)
        d[:, :2] = torch.randint(-2, 3, (classes, 2)) * 1.25
        d[:, 2:][torch.rand(classes, 2) < 0.03] = 200.0
        deltas[row] = d.flatten()
    b, s, l = heads.postprocess_detections(logits[:total], deltas[:total], [props[i, :c] for i, c in enumerate(counts)], sizes)
    places = min(limit, r * (classes - 1))
    ob, ol, os = torch.zeros(n, places, 4), torch.zeros(n, places, dtype=torch.int64), torch.zeros(n, places)
    for i in range(n):
        k = len(l[i])
        ob[i, :k], ol[i, :k], os[i, :k] = b[i], l[i], s[i]
    case(name, [torch.tensor(sizes).float(), props, i32(*counts), logits, deltas],
         [ob, ol, os, i32(*map(len, l))], limit=limit, threshold=threshold)
    print(name, [len(v) for v in l], places)


detections("detections at once", [(80, 90), (60, 100), (70, 70)], [40, 0, 31], 5, 2)
detections("detections class by class", [(100, 100)], [640], 4, 2, limit=600)

x, labels = torch.randn(5, 4, 3, 2), [torch.tensor([1, 3, 0]), torch.tensor([2, 2])]
out = torch.zeros(2, 4, 3, 2)
for i, m in enumerate(maskrcnn_inference(x, labels)):
    out[i, : len(m)] = m[:, 0]
padded = torch.zeros(2, 4, dtype=torch.int64)
for i, l in enumerate(labels):
    padded[i, : len(l)] = l
case("mask_select", [torch.cat([x, torch.randn(3, 4, 3, 2)]), padded, i32(3, 2)], [out])

inf = float("inf")
x = torch.cat([torch.linspace(-12, 12, 97), torch.tensor([float("nan"), 0, 3, -3, 6, 90, -90, 1e30])])
for name in "relu", "sigmoid", "silu", "hardswish", "hardsigmoid", "relu6", "gelu":
    v = x if name == "gelu" else torch.cat([x, torch.tensor([inf, -inf])])  # torch's gelu of +∞ is NaN
    case(name, [v], [getattr(torch if name == "sigmoid" else F, name)(v)])
x, y = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 1, 1)
case("mul", [y, x], [y * x])

# Boxes from less than a pixel to 300.
x, boxes, counts = torch.randn(8, 3, 14, 14), torch.zeros(2, 4, 4), [4, 3]
for b, v in zip(boxes.view(-1, 4), [(3.2, 4.1, 60.9, 99.7), (0, 0, 14, 14), (7.5, 3, 300.25, 41), (5, 5, 5.3, 5.2),
                                    (20, 30, 24.75, 171.5), (-9.6, 2.3, 31.1, 28), (1, 1, 15.5, 8)]):
    b[:] = torch.tensor(v)
out = torch.zeros(2, 4, 3, 3)
points, scores = heatmaps_to_keypoints(x[:7], boxes.view(-1, 4)[:7])
out.view(8, 3, 3)[:7] = torch.cat([points[:, :, :2], scores[:, :, None]], 2)
case("keypoints", [x, boxes, i32(*counts)], [out])

x, like = torch.randn(2, 3, 5, 7), torch.zeros(1, 1, 13, 4)
case("interpolate bilinear", [x, like], [F.interpolate(x, size=(13, 4), mode="bilinear", align_corners=False)])
x, y = torch.randn(2, 3, 2, 4), torch.randn(2, 5, 2, 4)
case("cat", [x, y], [torch.cat([x, y], 1)])

x, g, b = torch.randn(2, 6, 5, 4) * 3 + 2, torch.randn(6), torch.randn(6)
case("group_norm", [x], [F.group_norm(x, 3, g, b, 1e-3)], [g, b])


def dense(name, image, sizes, grids, classes, low, candidates=1000, limit=300, threshold=0.5):
    """Places of which each has two anchors for RetinaNet, one for FCOS."""
    n, centerness = len(sizes), name == "fcos"
    anchors = AnchorGenerator(((32,) if centerness else (32, 64),) * len(grids), ((1.0,),) * len(grids))
    backbone = torch.nn.Identity()
    backbone.out_channels = 32
    net = (FCOS if centerness else RetinaNet)(
        backbone, classes, anchor_generator=anchors, nms_thresh=threshold, detections_per_img=limit,
        topk_candidates=candidates, score_thresh=0.05)
    a = len(anchors.sizes[0])
    rank, at = torch.randperm(n * sum(h * w * a * classes for h, w in grids)), 0
    logits, deltas, centers = [], [], []
    for h, w in grids:
        k = n * h * w * a * classes
        logits.append(rank[at:at + k].reshape(n, a * classes, h, w) * (12 / len(rank)) + low)
        at += k
        d = torch.randint(0 if centerness else -8, 9, (n, a, 4, h, w)) / 16
        if not centerness:
            d[:, :, 2:] = torch.where(torch.rand(n, a, 2, h, w) < 0.02, torch.tensor(50.0), torch.tensor(0.0))
        deltas.append(d.flatten(1, 2))
        centers.append(torch.tensor([-40.0, 0.0, 40.0])[torch.randint(0, 3, (n, a, h, w))])

    def flat(maps, numbers):
        return [m.unflatten(1, (a, numbers)).permute(0, 3, 4, 1, 2).reshape(n, -1, numbers) for m in maps]

    outputs = {"cls_logits": flat(logits, classes), "bbox_regression": flat(deltas, 4), "bbox_ctrness": flat(centers, 1)}
    laid = anchors(ImageList(torch.zeros(n, 3, *image), sizes), logits)
    found = net.postprocess_detections(outputs, [list(v.split([h * w * a for h, w in grids])) for v in laid], sizes)
    places = min(limit, sum(min(candidates, h * w * a * classes) for h, w in grids))
    ob, ol, os = torch.zeros(n, places, 4), torch.zeros(n, places, dtype=torch.int64), torch.zeros(n, places)
    for i, f in enumerate(found):
        k = len(f["labels"])
        ob[i, :k], ol[i, :k], os[i, :k] = f["boxes"], f["labels"], f["scores"]
    case(name, [torch.tensor(sizes).float(), torch.zeros(n, 0, *image), *logits, *deltas, *(centers if centerness else ())],
         [ob, ol, os, i32(*[len(f["labels"]) for f in found])], post=candidates, limit=limit, threshold=threshold)
    print(name, [len(f["labels"]) for f in found], places)


dense("retinanet at once", (64, 96), [(64, 90), (50, 96)], [(8, 12), (4, 6)], 4, -10, candidates=60)
dense("retinanet class by class", (64, 96), [(64, 90)], [(16, 24), (8, 12)], 3, -6)
dense("fcos", (64, 96), [(64, 90), (50, 96)], [(8, 12), (4, 6)], 4, -8, candidates=60, limit=50, threshold=0.6)

with open("torch.json", "w") as f:
    json.dump(cases, f, indent=0)
    f.write("\n")
