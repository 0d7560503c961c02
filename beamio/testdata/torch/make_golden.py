#!/usr/bin/env python3
"""Saves the state_dicts of three small networks, and writes golden.json: what torch computes with them.

Element i of every input is ((37 * i) % 101 - 50) / 32.

  python3 make_golden.py     (torch 2.15.0, torchvision 0.29.2)
"""
import json
import math
import pathlib

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet, conv1x1


class MLP(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, hidden), nn.Linear(hidden, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class Heads(nn.Module):
    """Two outputs."""

    def __init__(self, hidden):
        super().__init__()
        self.fc1, self.label, self.box = nn.Linear(4, hidden), nn.Linear(hidden, 3), nn.Linear(hidden, 4)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return self.label(x), torch.sigmoid(self.box(x))


class Narrow(ResNet):
    """torchvision's resnet18 with a sixteenth of its channels."""

    def __init__(self, width=4, classes=5):
        nn.Module.__init__(self)
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        inplanes = width
        for i in range(4):
            planes, stride = width << i, 1 if i == 0 else 2
            down = None
            if stride > 1:
                down = nn.Sequential(conv1x1(inplanes, planes, stride), nn.BatchNorm2d(planes))
            blocks = nn.Sequential(BasicBlock(inplanes, planes, stride, down), BasicBlock(planes, planes))
            setattr(self, f"layer{i + 1}", blocks)
            inplanes = planes
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(inplanes, classes)


def cases(model, *shapes):
    out = []
    for shape in shapes:
        x = (((37 * torch.arange(math.prod(shape))) % 101 - 50) / 32).reshape(shape)
        with torch.no_grad():
            y = model(x)
        y = y if isinstance(y, tuple) else (y,)
        out.append({
            "shape": shape, "y": [t.flatten().tolist() for t in y], "shapes": [list(t.shape) for t in y],
        })
    return out


torch.set_num_threads(1)
torch.manual_seed(7)
here = pathlib.Path(__file__).parent
golden = {}
for name, model, shapes in (
    ("mlp", MLP(8), [(6, 4)]),
    ("heads", Heads(8), [(3, 4)]),
    ("resnet18", Narrow(), [(2, 3, 32, 32), (1, 3, 40, 24)]),
):
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    model.eval()
    torch.save(model.state_dict(), here / f"{name}.pth")
    golden[name] = cases(model, *shapes)
torch.save({"epoch": 3, "state_dict": MLP(8).state_dict()}, here / "wrapped.pth")
(here / "golden.json").write_text(json.dumps(golden))
