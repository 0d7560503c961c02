#!/usr/bin/env python3
"""Writes one file per model of torchvision: key, shape and type of every entry of its state_dict.   python3 keys.py"""
from torch import nn
import torchvision.models as M
from torchvision.models import detection as D
from torchvision.models import segmentation as S
from torchvision.ops.misc import FrozenBatchNorm2d

NONE = dict(weights=None, weights_backbone=None)


def frozen(model):
    for name, child in model.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(model, name, FrozenBatchNorm2d(child.num_features, eps=child.eps))
        else:
            frozen(child)
    return model


def dump(name, model):
    with open(name + ".txt", "w") as f:
        f.writelines(f"{k}\t{list(v.shape)}\t{str(v.dtype)[6:]}\n" for k, v in model.state_dict().items())


dump("maskrcnn_resnet50_fpn_bn", D.maskrcnn_resnet50_fpn(**NONE))
for n in ["maskrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn",
          "keypointrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn"]:
    dump(n + "_frozen", frozen(getattr(D, n)(**NONE)))
for n in ["maskrcnn_resnet50_fpn_v2", "fasterrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2", "ssd300_vgg16",
          "ssdlite320_mobilenet_v3_large"]:
    dump(n, getattr(D, n)(**NONE))
for n in ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
          "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "mobilenet_v3_small", "mobilenet_v3_large",
          "convnext_tiny", "vit_b_16", "vgg11", "vgg16_bn", "mobilenet_v2"]:
    dump(n, getattr(M, n)(weights=None))
for n in ["fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large"]:
    dump(n, getattr(S, n)(**NONE))
    dump(n + "_aux", getattr(S, n)(aux_loss=True, **NONE))
dump("lraspp_mobilenet_v3_large", S.lraspp_mobilenet_v3_large(**NONE))
