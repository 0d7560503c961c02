#!/usr/bin/env python3
"""Writes the files beside it: what torchvision's R-CNNs find in two pictures, in float64, on weights that
internal/procedural makes too.

python3 make_golden.py       # made with torch 2.15.0, torchvision 0.29.2, Pillow 13.0.0

The networks are of torchvision's classes, put together as its builders do, but narrow. Names and shapes of the real
ones are in ../keys.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models import mobilenet_v3_large, resnet
from torchvision.models.detection import FasterRCNN, KeypointRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN, _mobilenet_extractor, _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import (
    FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead, _default_anchorgen)
from torchvision.models.detection.keypoint_rcnn import KeypointRCNNHeads, KeypointRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops.misc import FrozenBatchNorm2d

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from procedural import install  # noqa: E402

WIDTH, HIDDEN = 32, 64  # of pyramids and of box heads, where torchvision has 256 and 1024


def pyramid(real, norm=None):
    """The pyramid of one of torchvision's builders, narrow."""
    in_channels = [block[0].in_channels for block in real.fpn.inner_blocks]
    return BackboneWithFPN(real.body, dict(real.body.return_layers), in_channels, WIDTH, norm_layer=norm)


def trunk(norm):
    return resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], width_per_group=16, norm_layer=norm)


def first(classes):
    """Parts that are as in the first version."""
    return dict(box_head=TwoMLPHead(WIDTH * 49, HIDDEN), box_predictor=FastRCNNPredictor(HIDDEN, classes))


def second(classes):
    anchors = _default_anchorgen()
    return dict(
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(WIDTH, anchors.num_anchors_per_location()[0], conv_depth=2),
        box_head=FastRCNNConvFCHead((WIDTH, 7, 7), [WIDTH] * 4, [HIDDEN], norm_layer=nn.BatchNorm2d),
        box_predictor=FastRCNNPredictor(HIDDEN, classes),
    )


def keypointrcnn(**kw):
    backbone = pyramid(_resnet_fpn_extractor(trunk(FrozenBatchNorm2d), 3))
    return KeypointRCNN(backbone, None, keypoint_head=KeypointRCNNHeads(WIDTH, (48,) * 8),
                        keypoint_predictor=KeypointRCNNPredictor(48, 17), **first(2), **kw)


def fasterrcnn_v2(**kw):
    backbone = pyramid(_resnet_fpn_extractor(trunk(nn.BatchNorm2d), 3, norm_layer=nn.BatchNorm2d), nn.BatchNorm2d)
    return FasterRCNN(backbone, None, **second(7), **kw)


def maskrcnn_v2(**kw):
    backbone = pyramid(_resnet_fpn_extractor(trunk(nn.BatchNorm2d), 3, norm_layer=nn.BatchNorm2d), nn.BatchNorm2d)
    return MaskRCNN(backbone, None, mask_head=MaskRCNNHeads(WIDTH, [WIDTH] * 4, 1, norm_layer=nn.BatchNorm2d),
                    mask_predictor=MaskRCNNPredictor(WIDTH, WIDTH, 7), **second(7), **kw)


def fasterrcnn_mobile(**kw):
    real = _mobilenet_extractor(mobilenet_v3_large(norm_layer=FrozenBatchNorm2d), True, 3)
    sizes = ((32, 64, 128, 256, 512),) * 3
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    return FasterRCNN(pyramid(real), None, rpn_anchor_generator=anchors, **first(7), **{"rpn_score_thresh": 0.05, **kw})


# Few proposals of every level, so that objects are of all sizes.
SMALL = dict(min_size=256, max_size=512, rpn_pre_nms_top_n_test=100)
SMALLER = dict(SMALL, min_size=160, max_size=200)
SURE = dict(SMALL, box_score_thresh=0.5)
# What torchvision's fasterrcnn_mobilenet_v3_large_320_fpn passes on.
MOBILE_320 = dict(min_size=320, max_size=640, rpn_pre_nms_top_n_test=150, rpn_post_nms_top_n_test=150)
PICTURES = ["photo_240x320_11.png", "photo_300x200_5.png"]

# A calm network, of sums of residuals that do not grow, with boxes near the anchors, that are larger and smaller than
# these, and with scores that are neither 0 nor 1.
CALM = {
    r".*bn3\.weight": (0.0625, 0.25),
    r".*bbox_pred\.weight": 0.1,
    r"rpn\.head\.bbox_pred\.bias": (0.8, 0.0),
}
SECOND = {
    **CALM,
    r"rpn\.head\.cls_logits\.weight": 0.3,
    r".*cls_score\.weight": 0.05,
    r".*cls_score\.bias": (0.2, 0.0),
}
NETWORKS = {
    "keypointrcnn": (
        keypointrcnn,
        {**CALM, r"rpn\.head\.cls_logits\.weight": 0.3, r".*cls_score\.weight": 0.3},
        [SURE],
    ),
    "fasterrcnn_v2": (fasterrcnn_v2, SECOND, [SMALL]),
    "maskrcnn_v2": (maskrcnn_v2, {**SECOND, r".*mask_fcn_logits\.weight": 0.3}, [SMALL]),
    "fasterrcnn_mobile": (
        fasterrcnn_mobile,
        {
            **CALM,
            r"backbone\.fpn\.inner_blocks.*\.weight": 0.01,
            r"rpn\.head\.cls_logits\.weight": 2.0,
            r"rpn\.head\.cls_logits\.bias": (0.125, -3.0),  # for half of the proposals to have too low a score
            r".*cls_score\.weight": 0.1,
            r".*cls_score\.bias": (0.6, 0.0),
        },
        [SMALLER, MOBILE_320],
    ),
}


def read(name):
    pixels = np.asarray(Image.open(here.parent / "tv0292" / name).convert("RGB"))
    return torch.from_numpy(pixels.astype(np.float64) / 255).permute(2, 0, 1)


def find(build, special, kw, dtype=torch.float64, noise=0.0):
    """What a network of weights by formula finds in the pictures, and its state_dict as golden.json has it."""
    model = build(**kw)
    described = install(model, special)
    model.to(dtype)
    model.roi_heads.register_forward_hook(lambda module, args, out: masks.append(out[0][0].get("masks")))
    found, masks = [], []
    torch.manual_seed(1)
    for name in PICTURES:
        x = read(name)
        x = x + noise * torch.randn_like(x)
        with torch.no_grad():
            found.append(model([x.to(dtype)])[0])
        if masks[-1] is not None:
            found[-1]["inside"] = masks[-1]  # their boxes, 28×28
    return described, found


def short(v, digits=7):
    return [short(x, digits) for x in v] if isinstance(v, list) else float(f"{v:.{digits}g}")


def golden(name, kw, found):
    case = {"picture": name, "settings": kw, "labels": found["labels"].tolist()}
    for key in "boxes", "scores":
        case[key] = short(found[key].tolist())
    if "masks" in found:
        case["mask_area"] = (found["masks"] >= 0.5).sum((1, 2, 3)).tolist()
        case["mask_samples"] = short(found["inside"].flatten(1)[:, ::97].tolist(), 5)
    if "keypoints" in found:
        points = torch.cat([found["keypoints"][:, :, :2], found["keypoints_scores"][:, :, None]], 2)
        case["keypoints"] = short(points.tolist())
    return case


def tell(name, found, others):
    """Prints what was found, and how far it is from what others found."""
    for f, *more in zip(found, *others):
        side = (f["boxes"][:, 2:] - f["boxes"][:, :2]).prod(1).sqrt()
        scores, sides = f["scores"][[0, -1]].tolist(), side.sort()[0][[0, -1]].tolist()
        print(name, len(side), "objects of classes", sorted(set(f["labels"].tolist())), "scores", short(scores, 3),
              "sides", short(sides, 3))
        for m in more:
            equal = torch.equal(f["labels"], m["labels"])
            print("   labels", "equal" if equal else "DIFFERENT",
                  {k: float(f"{(f[k] - m[k]).abs().max():.2g}") for k in f if equal and k != "labels"})


if __name__ == "__main__":
    torch.set_num_threads(1)
    for network, (build, special, cases) in NETWORKS.items():
        listed = []
        for kw in cases:
            described, found = find(build, special, kw)
            tell(network, found, [find(build, special, kw, torch.float32)[1], find(build, special, kw, noise=1e-6)[1]])
            listed += [golden(name, kw, f) for name, f in zip(PICTURES, found)]
        text = json.dumps({"state_dict": described, "cases": listed}, separators=(",", ":"))
        text = text.replace('],"', '],\n"').replace('{"picture"', '\n{"picture"') + "\n"
        (here / f"{network}.json").write_text(text)
