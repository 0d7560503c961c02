#!/usr/bin/env python3
"""Writes golden.json: what torchvision's weights say of the networks of this module, and how its builders run them.

Every builder is called with each of its weights, on the device "meta" and without the download, so that what it
changes because of the weights (the eps of frozen batch norms) is seen and not read off.   python3 make_golden.py
"""
import hashlib
import json

import torch
import torchvision
from torchvision import models
from torchvision.models import _meta
from torchvision.models._api import WeightsEnum

NETWORKS = """
resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d resnext101_64x4d wide_resnet50_2
wide_resnet101_2 mobilenet_v3_large mobilenet_v3_small
vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn mobilenet_v2
convnext_tiny convnext_small convnext_base convnext_large vit_b_16
vit_b_32 vit_l_16 vit_l_32 vit_h_14
fasterrcnn_resnet50_fpn fasterrcnn_resnet50_fpn_v2 fasterrcnn_mobilenet_v3_large_fpn
fasterrcnn_mobilenet_v3_large_320_fpn maskrcnn_resnet50_fpn maskrcnn_resnet50_fpn_v2 keypointrcnn_resnet50_fpn
retinanet_resnet50_fpn retinanet_resnet50_fpn_v2 fcos_resnet50_fpn ssd300_vgg16 ssdlite320_mobilenet_v3_large
fcn_resnet50 fcn_resnet101 deeplabv3_resnet50 deeplabv3_resnet101 deeplabv3_mobilenet_v3_large lraspp_mobilenet_v3_large
""".split()

CATEGORIES = {
    "ImageNet": _meta._IMAGENET_CATEGORIES,
    "COCO": _meta._COCO_CATEGORIES,
    "VOC": _meta._VOC_CATEGORIES,
    "person": _meta._COCO_PERSON_CATEGORIES,
}

WeightsEnum.get_state_dict = lambda *args, **kwargs: {}
torch.nn.Module.load_state_dict = lambda *args, **kwargs: None


def build(name, weights):
    with torch.device("meta"):
        return models.get_model(name, weights=weights)


def eps(net):
    """The different eps of the network's norms."""
    return sorted({m.eps for m in net.modules() if hasattr(m, "eps")})


def transform(weights, net):
    """The numbers of the transform that goes with the weights: of a detector it is a part of the network."""
    t = getattr(net, "transform", None)
    if t is None:
        t = weights.transforms()
        out = {"mean": t.mean, "std": t.std, "filter": t.interpolation.value}
        if hasattr(t, "crop_size"):
            return out | {"short": t.resize_size[0], "crop": t.crop_size[0], "antialias": t.antialias}
        return out | {"min_size": t.resize_size[0], "antialias": t.antialias}
    out = {"mean": t.image_mean, "std": t.image_std, "divisor": t.size_divisible}
    if t.fixed_size is not None:
        return out | {"fixed": [t.fixed_size[1], t.fixed_size[0]]}
    return out | {"min_size": t.min_size[-1], "max_size": t.max_size}


def settings(net):
    """What a detector does that its weights do not tell."""
    if hasattr(net, "roi_heads"):
        h, r = net.roi_heads, net.rpn
        return {
            "score_threshold": h.score_thresh, "nms_threshold": h.nms_thresh, "max_detections": h.detections_per_img,
            "proposal_score": r.score_thresh, "proposal_nms": r.nms_thresh,
            "proposals_before": r.pre_nms_top_n(), "proposals_after": r.post_nms_top_n(),
            "anchor_sizes": r.anchor_generator.sizes, "anchor_ratios": r.anchor_generator.aspect_ratios,
        }
    out = {"score_threshold": net.score_thresh, "nms_threshold": net.nms_thresh,
           "max_detections": net.detections_per_img, "candidates": net.topk_candidates}
    if hasattr(net.anchor_generator, "sizes"):
        out |= {"anchor_sizes": net.anchor_generator.sizes, "anchor_ratios": net.anchor_generator.aspect_ratios}
    return out


def task(weights):
    return {"models": "classification", "detection": "detection", "segmentation": "segmentation"}[
        type(weights).__module__.split(".")[-2]]


def preset(name, weights):
    net = build(name, weights)
    net.eval()
    out = {
        "name": str(weights), "network": name, "task": task(weights), "eps": eps(net),
        "builder_eps": eps(build(name, None)),
        "categories": next(k for k, v in CATEGORIES.items() if v == weights.meta["categories"]),
        "keypoints": weights.meta.get("keypoint_names") == _meta._COCO_PERSON_KEYPOINT_NAMES,
        "default": weights == models.get_model_weights(name).DEFAULT,
        "transform": transform(weights, net),
    }
    if task(weights) == "detection":
        out["settings"] = settings(net)
    return out


def digest(names):
    return {"names": len(names), "sha256": hashlib.sha256("".join(n + "\n" for n in names).encode()).hexdigest()}


lists = {k: digest(v) for k, v in CATEGORIES.items()} | {"keypoints": digest(_meta._COCO_PERSON_KEYPOINT_NAMES)}
presets = [preset(n, w) for n in NETWORKS for w in models.get_model_weights(n)
           if w.meta["categories"]]  # or else they are no whole network
with open("golden.json", "w") as f:
    head = json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__, "lists": lists})[:-1]
    f.write(head + ', "presets": [\n' + ",\n".join(json.dumps(p) for p in presets) + "\n]}\n")
