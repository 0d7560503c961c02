#!/usr/bin/env python3
"""Writes state_dict.json beside this file: what load_state_dict(strict=True) of real PyTorch says to
state_dicts with keys and _metadata of many kinds.

    python state_dict_make.py           (torch 2.15.0, torchvision 0.29.2)

Each case is {"name", "net": which network, "keys": [[key, shape], ...], "versions": {module: version}
or null for a plain dict, "error": the text, empty if it loads}.
"""

import itertools, json, os
from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d

cases = []


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 5)
        self.bn = nn.BatchNorm2d(4)
        self.conv = nn.Conv2d(2, 6, 3, groups=2)
        self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.block = nn.Sequential(nn.Conv2d(6, 4, 1, bias=False), nn.BatchNorm2d(4))


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = FrozenBatchNorm2d(4)


class RPN(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = RPNHead(4, 3)


class RoIHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask_head = MaskRCNNHeads(4, (4, 4), 1)
        self.mask_predictor = MaskRCNNPredictor(4, 5, 3)


def pyramid():
    return FeaturePyramidNetwork([8, 16], 4)


def case(name, make, edit, versions):
    """Adds a case: edit gets a dict of the shapes of all keys; versions says what _metadata becomes."""
    net = make()
    sd = net.state_dict()
    shapes = {k: list(v.shape) for k, v in sd.items()}
    known = {m: d["version"] for m, d in sd._metadata.items()}
    shapes = edit(shapes) or shapes
    known = versions(known)
    new = OrderedDict((k, torch.zeros(s)) for k, s in shapes.items())
    if known is not None:
        new._metadata = OrderedDict((m, {"version": v}) for m, v in known.items())
    error = ""
    try:
        net.load_state_dict(new, strict=True)
    except RuntimeError as e:
        error = str(e)
    cases.append(
        {"name": name, "net": type(net).__name__, "keys": list(shapes.items()), "versions": known, "error": error}
    )


def same(x):
    return x


def none(_):
    return None


def without(*modules):
    return lambda v: {m: n for m, n in v.items() if m not in modules}


def all_of(n, *modules):
    return lambda v: {m: n if m in modules else x for m, x in v.items()}


def drop(*keys):
    return lambda s: {k: v for k, v in s.items() if k not in keys}


def more(**new):
    return lambda s: {**s, **{k.replace("__", "."): v for k, v in new.items()}}


# num_batches_tracked: present, missing, of another shape; version unknown in three ways, old, new.
COUNT = "bn.num_batches_tracked"
for net, modules in (Net, ("bn", "block.1")), (Frozen, ("bn",)):
    counts = ["block.1.num_batches_tracked", COUNT] if net is Net else [COUNT]
    for (k, keys), (v, versions) in itertools.product(
        {
            "complete": same,
            "missing": drop(*counts),
            "one missing": drop(COUNT),
            "of (1)": lambda s: {k: [1] if k in counts else v for k, v in s.items()},
            "of (2)": lambda s: {k: [2] if k in counts else v for k, v in s.items()},
            "of (1, 1)": lambda s: {k: [1, 1] if k in counts else v for k, v in s.items()},
        }.items(),
        {
            "as saved": same,
            "a plain dict": none,
            "modules unknown": without(*modules),
            "nothing known": lambda _: {},
            "version 0": all_of(0, *modules),
            "version 1": all_of(1, *modules),
            "version 2": all_of(2, *modules),
            "version 3": all_of(3, *modules),
            "one of version 1": all_of(1, modules[-1]),
        }.items(),
    ):
        case(f"count {k}, {v}", net, keys, versions)

# Versions of layers that do not look at them.
for n in 0, 2, 9:
    case(f"others of version {n}", Net, same, all_of(n, "", "fc1", "conv", "up", "block", "block.0"))

# Missing, unexpected and misshapen keys, and their order.
EXTRA = dict(zzz__weight=[1], fc1__scale=[2], fc1__sub__weight=[1], block__2__weight=[1], block__1__x=[1], aaa=[1])
for name, edit in {
    "extra": more(**EXTRA),
    "extra first": lambda s: {**more(**EXTRA)({}), **s},
    "reversed": lambda s: dict(reversed(more(**EXTRA)(s).items())),
    "a module's name": more(fc1=[1], block=[1], block__0=[1]),
    "the beginning of a name": more(fc=[1], fc1weight=[1], f=[1]),
    "empty names": lambda s: {**s, "": [1], ".": [1], "fc1.": [1], ".fc1.weight": [1]},
    "nothing": lambda s: {"other": [1]},
    "empty": lambda s: {"fc1.weight": [5, 3]},
    "many wrong": lambda s: {
        **{k: v + [1] for k, v in s.items() if k not in ("fc1.bias", "bn.running_mean", "up.weight")},
        **more(**EXTRA)({}),
    },
    "transposed": lambda s: {**s, "fc1.weight": [3, 5], "up.weight": [3, 4, 2, 2], "conv.weight": [6, 1, 9]},
    "scalars": lambda s: {k: [] for k in s},
    "without elements": lambda s: {k: [0] for k in s},
}.items():
    case(name, Net, edit, same)

# What torchvision renamed: version unknown, old and new; keys of the old name, of the new, of both, mixed.
RENAMED = (
    (pyramid, "", [(f"{b}_blocks.{i}.0", f"{b}_blocks.{i}") for b in ("inner", "layer") for i in (0, 1)]),
    (RPN, "head", [("head.conv.0.0", "head.conv")]),
    (RoIHeads, "mask_head", [(f"mask_head.{i}.0", f"mask_head.mask_fcn{i+1}") for i in (0, 1)]),
)
for make, module, names in RENAMED:

    def old(s, only=("weight", "bias")):
        out = {}
        for k, v in s.items():
            for a, b in names:
                for t in only:
                    if k == f"{a}.{t}":
                        k = f"{b}.{t}"
            out[k] = v
        return out

    first = names[0]
    for (k, keys), (v, versions) in itertools.product(
        {
            "new": same,
            "old": old,
            "both": lambda s: {**s, **old(s)},
            "both, old first": lambda s: {**old(s), **s},
            "old weights": lambda s: old(s, ("weight",)),
            "old biases": lambda s: old(s, ("bias",)),
            "old, one misshapen": lambda s: {**old(s), first[1] + ".bias": [9]},
            "old, one missing": lambda s: drop(first[1] + ".bias")(old(s)),
            "new, one misshapen": lambda s: {**s, first[0] + ".bias": [9]},
            "new, one missing": drop(first[0] + ".bias"),
            "old and more": lambda s: {**old(s), first[1] + ".more": [1]},
        }.items(),
        {
            "a plain dict": none,
            "unknown": without(module),
            "version 1": all_of(1, module),
            "version 2": all_of(2, module),
            "version 3": all_of(3, module),
        }.items(),
    ):
        case(f"{k}, {v}", make, keys, versions)

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "state_dict.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "cases,", sum(c["error"] == "" for c in cases), "that load")
