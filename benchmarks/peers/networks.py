"""The networks that are compared: their weights, their inputs, and what torch makes of them.

    python networks.py DIRECTORY NETWORK...    # writes weights, inputs, ONNX files and networks.json, where missing

Weights are procedural, by the formulas of testdata (make_golden.py in tv0292 and resnet), so nothing is downloaded.
"""
import importlib.util
import json
import math
import os
import sys

import numpy as np
import torch
from PIL import Image
from torch import nn

TESTDATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "testdata")
HEIGHT, WIDTH = 800, 1216

# name -> (title, file of weights, file of the input, shape of the input)
NETWORKS = {
    "resnet18": ("ResNet-18, batch 1", "resnet18.pth", "images1.f32", [1, 3, 224, 224]),
    "resnet50": ("ResNet-50, batch 1", "resnet50.pth", "images1.f32", [1, 3, 224, 224]),
    "resnet50x8": ("ResNet-50, batch 8", "resnet50.pth", "images8.f32", [8, 3, 224, 224]),
    "features": ("Mask R-CNN: body, FPN, RPN head", "maskrcnn.pth", "image.f32", [1, 3, HEIGHT, WIDTH]),
    "boxhead": ("Mask R-CNN: box head, 1000 RoIs", "maskrcnn.pth", "boxes.f32", [1000, 256 * 7 * 7]),
    "maskhead": ("Mask R-CNN: mask head, 100 RoIs", "maskrcnn.pth", "masks.f32", [100, 256, 14, 14]),
    "maskrcnn": ("Mask R-CNN R50-FPN 800×1216, whole", "maskrcnn.pth", "picture.f32", [3, HEIGHT, WIDTH]),
}


def golden():
    """testdata/tv0292/make_golden.py as a module."""
    path = os.path.join(TESTDATA, "tv0292", "make_golden.py")
    spec = importlib.util.spec_from_file_location("make_golden", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.OUT = os.path.join(TESTDATA, "tv0292") + os.sep
    return module


def resnet(arch):
    """A ResNet with the weights of testdata/resnet/make_golden.py."""
    import torchvision
    g = golden()

    def weight(name, shape):
        if len(shape) > 1:
            return g.proc(name, shape, math.sqrt(6 / math.prod(shape[1:])))
        if name.endswith("running_var"):
            return g.proc(name, shape, 0.25) + 1
        if name.endswith("bn3.weight"):
            return g.proc(name, shape, 0.0625) + 0.25
        if name.endswith("running_mean") or not name.endswith(".weight"):
            return g.proc(name, shape, 0.125)
        return g.proc(name, shape, 0.125) + 1

    model = getattr(torchvision.models, arch)(weights=None).eval()
    state = {k: weight(k, tuple(v.shape)) for k, v in model.state_dict().items() if v.is_floating_point()}
    model.load_state_dict(state, strict=False)
    return model


def picture():
    """testdata's photograph at the size that is measured, (3, H, W) of 0 to 1."""
    photo = Image.open(os.path.join(TESTDATA, "tv0292", "photo_480x640_7.png")).convert("RGB")
    pixels = np.asarray(photo.resize((WIDTH, HEIGHT), Image.BILINEAR), np.float32)
    return pixels.transpose(2, 0, 1) / np.float32(255)


def make_input(file, shape):
    g = golden()
    if file == "picture.f32":
        return picture()
    if file == "image.f32":
        mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
        return (picture() - mean[:, None, None]) / std[:, None, None]
    scale = 2 if file.startswith("images") else 1
    return g.proc("input224" if scale == 2 else file, tuple(shape), scale).numpy()


class Features(nn.Module):
    """Image to objectness and deltas: all that comes before proposals."""

    def __init__(self, m):
        super().__init__()
        self.backbone, self.head = m.backbone, m.rpn.head

    def forward(self, x):
        logits, deltas = self.head(list(self.backbone(x).values()))
        return (*logits, *deltas)


class BoxHead(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.head, self.predictor = m.roi_heads.box_head, m.roi_heads.box_predictor

    def forward(self, x):
        return self.predictor(self.head(x))


class MaskHead(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.head, self.predictor = m.roi_heads.mask_head, m.roi_heads.mask_predictor

    def forward(self, x):
        return self.predictor(self.head(x))


PARTS = {"features": Features, "boxhead": BoxHead, "maskhead": MaskHead}


def module(name, scratch):
    """The network as a torch module in eval mode, with its weights from the file that Argand reads too."""
    import torchvision
    state = torch.load(os.path.join(scratch, NETWORKS[name][1]), weights_only=True)
    if name.startswith("resnet"):
        m = getattr(torchvision.models, name.split("x")[0])(weights=None)
    else:
        m = golden().build(min_size=min(HEIGHT, WIDTH), max_size=max(HEIGHT, WIDTH))
    m.load_state_dict(state, strict=True)
    m = m.eval()
    return PARTS[name](m).eval() if name in PARTS else m


def read_input(name, scratch):
    _, _, file, shape = NETWORKS[name]
    return torch.from_numpy(np.fromfile(os.path.join(scratch, file), np.float32).reshape(shape))


def export(name, scratch, path):
    m, x = module(name, scratch), read_input(name, scratch)
    names = ["boxes", "labels", "scores", "masks"] if name == "maskrcnn" else None
    argument = ([x],) if name == "maskrcnn" else (x,)
    with torch.no_grad():
        # The new exporter cannot trace torchvision's detectors; for the other networks both write the same operators.
        torch.onnx.export(m, argument, path + ".part", dynamo=False, opset_version=17, input_names=["x"],
                          output_names=names)
    os.rename(path + ".part", path)


def missing(path):
    return not os.path.exists(path)


def prepare(scratch, names):
    listing = {}
    for name, (_, weights, file, shape) in NETWORKS.items():
        listing[name] = {"weights": weights, "input": file, "shape": shape}
    listing["maskrcnn+paste"] = listing["maskrcnn"]
    with open(os.path.join(scratch, "networks.json"), "w") as f:
        json.dump(listing, f, indent=1)
    for name in names:
        _, weights, file, shape = NETWORKS[name]
        path = os.path.join(scratch, weights)
        if missing(path):
            m = golden().golden_model() if weights == "maskrcnn.pth" else resnet(weights.removesuffix(".pth"))
            torch.save(m.state_dict(), path + ".part")
            os.rename(path + ".part", path)
        path = os.path.join(scratch, file)
        if missing(path):
            x = np.ascontiguousarray(make_input(file, shape), np.float32)
            assert list(x.shape[-3:]) == shape[-3:], (x.shape, shape)
            x.tofile(path + ".part")
            os.rename(path + ".part", path)
        path = os.path.join(scratch, name + ".onnx")
        if missing(path):
            export(name, scratch, path)
            print("exported", name, flush=True)


if __name__ == "__main__":
    prepare(sys.argv[1], sys.argv[2:])
