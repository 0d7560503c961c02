#!/usr/bin/env python3
"""Writes golden.json: what torchvision's transforms make of pictures, as sizes and samples of the network's input.

sizes: the size rule of GeneralizedRCNNTransform in eager mode (float64) and as TorchScript, which kept the float32
arithmetic of torchvision 0.14.   python3 make_golden.py
"""
import json

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision.models.detection.transform import GeneralizedRCNNTransform, _resize_image_and_masks
from torchvision.transforms import CenterCrop
from torchvision.transforms import functional as F
from torchvision.transforms._presets import ImageClassification

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def samples(x, k=64):
    a = x.contiguous().flatten().numpy()
    i = (np.arange(k, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) % np.uint64(len(a))).astype(np.int64)
    return dict(shape=list(x.shape), mean=float(a.mean(dtype=np.float64)), std=float(a.std(dtype=np.float64)),
                samples=[float(v) for v in a[i]])


def photo(name):
    return Image.open("../tv0292/" + name).convert("RGB")


def detector(image, min_size, max_size, article):
    x = F.to_tensor(image)
    if article:  # Apache Beam's pytorch_image_segmentation.py
        x = F.normalize(F.to_tensor(image.resize((224, 224), Image.BILINEAR)), MEAN, STD)
    images, _ = GeneralizedRCNNTransform(min_size, max_size, MEAN, STD)([x])
    return dict(samples(images.tensors), size=list(images.image_sizes[0]))


scripted = torch.jit.script(_resize_image_and_masks)
rng = np.random.RandomState(0)
sizes = [(480, 640), (427, 640), (640, 480), (500, 375), (333, 500), (224, 224), (1080, 1920), (600, 800), (426, 640),
         (428, 640), (3024, 4032), (197, 383), (1, 1), (2, 3), (100, 160)] + rng.randint(32, 2500, (60, 2)).tolist()
out = dict(torch=torch.__version__, torchvision=torchvision.__version__, sizes=[], detector=[], classifier=[])
for min_size, max_size in ((800, 1333), (224, 384)):
    for h, w in sizes:
        x = torch.empty(1, 1, 1).expand(3, int(h), int(w))
        eager = _resize_image_and_masks(x, min_size, max_size)[0].shape[-2:]
        script = scripted(x, min_size, max_size)[0].shape[-2:]
        out["sizes"].append([int(v) for v in (h, w, min_size, max_size, *eager, *script)])
for name, min_size, max_size, article in (("photo_240x320_11.png", 256, 426, False), ("photo_300x200_5.png", 75, 100, False),
                                          ("photo_180x350_6.png", 180, 350, False), ("photo_240x320_11.png", 100, 200, True)):
    case = dict(picture=name, min_size=min_size, max_size=max_size, article=article)
    out["detector"].append(dict(case, input=detector(photo(name), min_size, max_size, article)))
for name, resize in (("photo_240x320_11.png", 256), ("photo_300x200_5.png", 232), ("photo_180x350_6.png", 256)):
    x = ImageClassification(crop_size=224, resize_size=resize)(photo(name))
    out["classifier"].append(dict(picture=name, resize=resize, input=samples(x)))
# Center crops of a picture that counts: which column and row are first, and how many are padding.
out["crops"] = []
for n in (3, 4, 5, 6, 7, 8, 9, 10, 11, 13):
    line = Image.fromarray(np.arange(1, n + 1, dtype=np.uint8).reshape(1, n).repeat(3, 0))
    out["crops"].append(dict(width=n, row=np.asarray(CenterCrop(6)(line))[2].tolist()))
with open("golden.json", "w") as f:
    text = json.dumps(out)
    f.write(text + "\n")
