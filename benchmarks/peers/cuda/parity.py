"""Holds every layer that Argand computes on a GPU against torch, which computes the same network in float64.

    python parity.py --worker PROGRAM [--driver PATH] [--precisions LIST] NETWORK HEIGHT WIDTH

Torch also computes it in the precision that Argand is asked for: float32 with allow_tf32 off, float32 with it on, and
under autocast. An error is the greatest difference from float64 in units of the greatest number of the layer. Argand's
may be three times torch's, or the floor of the precision where torch happens to be exact. Of a detector the layers up to
the proposals are held so; behind them the choice of boxes may differ by roundings: there the pairs of boxes that overlap
by nine tenths are compared, and how many there are of them. The exit status is 1 if anything is outside its bounds.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import models

FLOORS = {"float32": 3e-6, "tf32": 3e-3, "bfloat16": 3e-2, "float16": 4e-3}
TIMES = 3
PAIRS = 0.9  # of overlap
LEFT_OVER = {"float32": 0.02, "tf32": 0.1, "bfloat16": 0.25, "float16": 0.1}  # boxes without a pair, of all


class Recorder:
    """What the modules of a network return, by name and in order."""

    def __init__(self, m):
        self.out, self.hooks = {}, []
        for name, module in m.named_modules():
            self.hooks.append(module.register_forward_hook(lambda _, i, o, name=name: self.add(name, o)))
            if "layer_blocks." in name:  # the sums of a pyramid are what these are given
                self.hooks.append(module.register_forward_pre_hook(lambda _, i, name=name: self.add("into " + name, i[0])))

    def add(self, name, y):
        if torch.is_tensor(y):
            self.out.setdefault(name, []).append(y.detach().clone())  # a ReLU behind it may write into it

    def close(self):
        for hook in self.hooks:
            hook.remove()


def run(m, network, x):
    """What torch computes: of every module, and of a detector the boxes."""
    record = Recorder(m)
    size = [tuple(x.shape[-2:])]
    try:
        if network != "maskrcnn":
            m(x)
            return record.out, None
        from torchvision.models.detection.image_list import ImageList
        features = m.backbone(x)
        record.add("pooled", features["pool"])
        proposals, _ = m.rpn(ImageList(x, size), features)
        found, _ = m.roi_heads({k: v.to(proposals[0].dtype) for k, v in features.items()}, proposals, size)
        return record.out, {"proposals": proposals[0], **found[0]}
    finally:
        record.close()


def reference(m, network, x, precision):
    """Torch in a precision, "float64" being what all are held against."""
    models.tf32() if precision == "tf32" else models.exact()
    cast = contextlib.nullcontext()
    if precision in ("bfloat16", "float16"):
        cast = torch.autocast(models.DEVICE.type, getattr(torch, precision))
    dtype = torch.float64 if precision == "float64" else torch.float32
    with torch.no_grad(), cast:
        return run(m.to(dtype), network, x.to(dtype))


def names(layer, modules):
    """Whose output in torch a layer's is, and whether that is before the activation."""
    path = layer["path"]
    if layer["op"] == "max_pool2d":
        return ("pooled" if "fpn" in path else path.split("bn1/")[0] + "maxpool"), False
    if layer["op"] == "adaptive_avg_pool2d":
        return "avgpool", False
    if layer["op"] not in ("conv2d", "conv_transpose2d", "linear"):
        return None, False
    if layer["residual"] == 1:  # the end of a block
        return path.partition(".downsample")[0] if ".downsample" in path else path.rpartition(".")[0], False
    if layer["residual"] == 2:
        return "into " + path.replace("inner_blocks", "layer_blocks").rpartition(".")[0], False
    head, _, last = path.rpartition(".")
    norm = head + ".1" if head.endswith("downsample") else (head + "." if head else "") + last.replace("conv", "bn")
    return (norm if norm in modules else path), layer["act"] == 1


def ours(options, network, precision, height, width, folder):
    command = [options.worker, *(["-driver", options.driver] if options.driver else []), "-testdata", options.testdata,
               "layers", network, precision, str(height), str(width), folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip())[-500:])
    with open(os.path.join(folder, "layers.json")) as f:
        layers = json.load(f)
    data = np.memmap(os.path.join(folder, "layers.bin"), np.uint8, "r")
    for l in layers:
        dtype = np.dtype(l["dtype"])
        n = int(np.prod(l["shape"])) * dtype.itemsize
        l["value"] = data[l["offset"]:l["offset"] + n].view(dtype).reshape(l["shape"])
    return layers


def error(y, exact):
    scale = exact.abs().max().item()
    return (y.double() - exact).abs().max().item() / (scale or 1)


def on_device(x):
    return torch.from_numpy(np.array(x)).to(models.DEVICE)


def overlaps(a, b):
    from torchvision.ops import box_iou
    return box_iou(a.double(), b.double())


def pairs(boxes, exact, labels=None, exact_labels=None):
    """For every exact box the one that overlaps it most, if that is by enough; −1 for none."""
    if not len(boxes) or not len(exact):
        return torch.full((len(exact),), -1)
    iou = overlaps(exact, boxes)
    if labels is not None:
        iou = torch.where(exact_labels[:, None] == labels[None], iou, 0)
    best, at = iou.max(1)
    return torch.where(best > PAIRS, at, -1).cpu()


def objects(layers):
    """The boxes of a detector, as torch returns them, from what its worker wrote."""
    value = lambda op, result: next(l["value"] for l in layers if (l["op"], l["result"]) == (op, result))
    rois, n = int(value("proposals", 1)[0]), int(value("detections", 3)[0])
    return {"proposals": on_device(value("proposals", 0)[0, :rois]), "boxes": on_device(value("detections", 0)[0, :n]),
            "labels": on_device(value("detections", 1)[0, :n]), "scores": on_device(value("detections", 2)[0, :n]),
            "masks": on_device(value("mask_select", 0)[0, :n])[:, None]}


def compare_objects(found, torchs, exact, precision):
    """Returns lines and whether all is within bounds."""
    lines, good = [], True
    at = pairs(found["proposals"], exact["proposals"])
    theirs = pairs(torchs["proposals"], exact["proposals"])
    for what, mine, other, boxes, dets in (
            ("proposals", at, theirs, exact["proposals"], None),
            ("objects", pairs(found["boxes"], exact["boxes"], found["labels"], exact["labels"]),
             pairs(torchs["boxes"], exact["boxes"], torchs["labels"], exact["labels"]), exact["boxes"], True)):
        n, lone, theirs_lone = len(boxes), int((mine < 0).sum()), int((other < 0).sum())
        line = f"{n} {what}: {lone} without a pair, {theirs_lone} of torch's"
        if lone > TIMES * theirs_lone + max(1, LEFT_OVER[precision] * n):
            good = False
            line += " TOO MANY"
        if dets and n > lone:
            def distances(of, index):
                a, b = index[index >= 0].to(boxes.device), (index >= 0).to(boxes.device)
                return [(of[k].double()[a] - exact[k].double()[b]).abs().max().item() for k in ("boxes", "scores", "masks")]
            line += "; pairs differ by %.2g pixels, %.2g in score, %.2g in masks" % tuple(distances(found, mine))
            if n > theirs_lone:
                line += " (torch's by %.2g, %.2g, %.2g)" % tuple(distances(torchs, other))
        lines.append(line)
    return lines, good


def compare(options, network, m, precision, height, width):
    with tempfile.TemporaryDirectory() as folder:
        layers = ours(options, network, precision, height, width, folder)
        shape = (1, 3, height, width)
        x = torch.from_numpy(np.fromfile(os.path.join(folder, "input.f32"), np.float32).reshape(shape)).to(models.DEVICE)
        exact, exact_objects = reference(m, network, x, "float64")
        theirs, torch_objects = reference(m, network, x, precision)
        modules, calls, rows, missing = dict(m.named_modules()), {}, [], []
        for l in layers:
            if l["path"].startswith("roi_heads") or l["op"] in ("proposals", "flatten"):
                continue
            name, before = names(l, modules)
            i = calls.get(name, 0)
            calls[name] = i + 1
            if i >= len(exact.get(name, [])):
                missing.append(f"{l['path']} {l['op']}")
                continue
            act = torch.relu if before else lambda y: y
            y, e, t = on_device(l["value"]), act(exact[name][i]), act(theirs[name][i])
            e, t = e.reshape(y.shape), t.reshape(y.shape)
            rows.append((error(y, e), error(t, e), l["path"]))
        found = objects(layers) if network == "maskrcnn" else None
    bound = lambda t: max(FLOORS[precision], TIMES * t)
    bad = [r for r in rows if not r[0] <= bound(r[1])]
    worst = max(rows)
    print(f"{network} {precision} {height}×{width}: {len(rows)} layers, {len(bad)} outside bounds", flush=True)
    for mine, torchs, path in sorted(rows, key=lambda r: -r[0] / bound(r[1]))[:options.show]:
        print(f"  {mine:8.1e}  torch {torchs:8.1e}  {path}")
    good = not bad and not missing and bool(rows)
    for what in missing:
        print(f"  {what}: torch has no such module")
    print(f"| {network} {height}×{width} | {precision} | {len(rows)} layers, {len(bad)} outside bounds | worst {worst[0]:.1e} "
          f"of the greatest at {worst[2]}, torch {worst[1]:.1e} |")
    if found:
        lines, fine = compare_objects(found, torch_objects, exact_objects, precision)
        good = good and fine
        for line in lines:
            print(f"| {network} {height}×{width} | {precision} | {line} |")
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--worker", required=True)
    p.add_argument("--driver", default="")
    p.add_argument("--testdata", default=os.path.join(models.HERE, "..", "..", "..", "testdata"))
    p.add_argument("--precisions", default=",".join(FLOORS), type=lambda s: s.split(","))
    p.add_argument("--show", type=int, default=12, help="the layers nearest to their bounds that are shown")
    p.add_argument("network")
    p.add_argument("size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    o = p.parse_args()
    print(f"torch {torch.__version__} on {models.DEVICE}")
    m, good = models.model(o.network, *o.size), True
    for precision in o.precisions:
        begun = time.monotonic()
        try:
            good = compare(o, o.network, m, precision, *o.size) and good
        except Exception as e:
            good = False
            why = " ".join(str(e).split())[:300]
            print(f"| {o.network} {o.size[0]}×{o.size[1]} | {precision} | NOT RUN: {type(e).__name__}: {why} |")
        print(f"  {time.monotonic() - begun:.1f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
