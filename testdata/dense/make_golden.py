#!/usr/bin/env python3
"""Writes retinanet.json, retinanet_v2.json and fcos.json: what torchvision's one-stage detectors find in pictures of
../tv0292, on narrow and shallow ResNets and the weights of ../procedural.py.

What is found has to be the same in float64.

python3 make_golden.py
"""
import json
import pathlib
import sys
from functools import partial

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead, _default_anchorgen
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.ops.misc import FrozenBatchNorm2d

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from procedural import install  # noqa: E402

torch.set_num_threads(1)
WIDTH, LAYERS, PYRAMID, CLASSES = 16, [1, 2, 1, 1], 128, 6


def backbone(norm, p6_in):
    """torchvision's, of fewer channels: its functions want those of a ResNet-50."""
    body = ResNet(Bottleneck, LAYERS, norm_layer=norm)
    body.inplanes = WIDTH
    body.conv1, body.bn1 = nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False), norm(WIDTH)
    for i, blocks in enumerate(LAYERS):
        setattr(body, f"layer{i + 1}", body._make_layer(Bottleneck, WIDTH << i, blocks, stride=1 + (i > 0)))
    channels = [WIDTH * 4 << i for i in (1, 2, 3)]
    return BackboneWithFPN(body, {"layer2": "0", "layer3": "1", "layer4": "2"}, channels, PYRAMID,
                           extra_blocks=LastLevelP6P7(p6_in or channels[-1], PYRAMID))


def picture(name):
    pixels = np.asarray(Image.open(here.parent / "tv0292" / name).convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def round_trip(values):
    return [float(np.float32(v)) for v in values]


def golden(name, model, described, cases):
    found = []
    levels = []
    nms = torchvision.ops.boxes.batched_nms
    torchvision.ops.boxes.batched_nms = lambda boxes, *rest: levels.append(len(boxes)) or nms(boxes, *rest)
    for file, threshold, candidates, most in cases:
        model.score_thresh, model.topk_candidates, model.detections_per_img = threshold, candidates, most
        with torch.no_grad():
            want = model([picture(file)])[0]
            exact = model.double()([picture(file).double()])[0]
            model.float()
        sizes = ((want["boxes"][:, 2:] - want["boxes"][:, :2]).prod(1) ** 0.5).tolist()
        print(f"{name}, {file}: {levels[-2]} candidates, {len(want['scores'])} objects of classes"
              f" {want['labels'].bincount().tolist()}, scores {want['scores'][:1].tolist()} to"
              f" {want['scores'][-1:].tolist()}, sizes {min(sizes, default=0):.0f} to {max(sizes, default=0):.0f}")
        assert want["labels"].tolist() == exact["labels"].tolist(), f"{name}, {file}: other objects in float64"
        score = (want["scores"] - exact["scores"]).abs().max().item()
        box = (want["boxes"] - exact["boxes"]).abs().max().item()
        print(f"    float64 is {score:.1g} and {box:.1g} pixels off")
        assert score < 1e-5 and box < 0.005
        found.append({
            "picture": file, "threshold": threshold, "candidates": candidates, "most": most,
            "boxes": [round_trip(b) for b in want["boxes"].tolist()], "labels": want["labels"].tolist(),
            "scores": round_trip(want["scores"].tolist()),
        })
    data = {"torchvision": torchvision.__version__, "state_dict": described, "cases": found}
    text = json.dumps(data, separators=(",", ":")).replace('],"', '],\n"').replace('}],"', '}],\n"')
    (here / f"{name}.json").write_text(text + "\n")


detection = torchvision.models.detection
pictures = ["photo_240x320_11.png", "photo_300x200_5.png"]
size = {"min_size": 256, "max_size": 640}

retina = RetinaNet(backbone(FrozenBatchNorm2d, PYRAMID), CLASSES, **size)
described = install(retina, {
    r".*bn3.weight": (0.0625, 0.25),  # calm: sums of residuals hardly grow
    r".*cls_logits.weight": 0.25,
    r".*cls_logits.bias": (1, -3.5),
    r".*bbox_reg.weight": 0.2,
})
golden("retinanet", retina, described, [(pictures[0], 0.05, 1000, 100), (pictures[1], 0.05, 40, 300)])

anchors = _default_anchorgen()
head = RetinaNetHead(PYRAMID, anchors.num_anchors_per_location()[0], CLASSES, norm_layer=partial(nn.GroupNorm, 32))
second = RetinaNet(backbone(nn.BatchNorm2d, None), CLASSES, anchor_generator=anchors, head=head, **size)
described = install(second, {
    r".*bn3.weight": (0.0625, 0.25),
    r".*cls_logits.weight": 0.7,
    r".*cls_logits.bias": (1, -3),
    r".*bbox_reg.weight": 0.2,
})
golden("retinanet_v2", second, described, [(pictures[0], 0.05, 1000, 100), (pictures[1], 0.05, 40, 300)])

fcos = FCOS(backbone(FrozenBatchNorm2d, PYRAMID), CLASSES, **size)
described = install(fcos, {
    r".*bn3.weight": (0.0625, 0.25),
    r".*cls_logits.weight": 0.7,
    r".*cls_logits.bias": (1, -2),
    r".*bbox_reg.bias": (1, 1),
})
golden("fcos", fcos, described, [(pictures[0], 0.2, 1000, 100), (pictures[1], 0.2, 40, 300)])
