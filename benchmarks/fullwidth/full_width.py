#!/usr/bin/env python3
"""Compares Argand with torchvision on networks of full width, stage by stage, and prints a table.

    go build -o argand ./cmd/argand
    python3 benchmarks/fullwidth/full_width.py --argand ./argand [--only resnet50 …] [--work DIR] [--time]

It takes torch, torchvision and Pillow. Published weights are not needed: each network is built by torchvision's builder
with seeded random weights, its batch norms are calibrated on the picture, and the layers that decide are scaled so that
answers are spread. Then dump_golden.py writes what torchvision computes and `argand compare` compares. With --time it also tells, for one
thread, the least time of three runs of the model in PyTorch and of three runs of `argand bench` on the picture, which
for classifiers and segmenters includes resizing it.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional

root = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(root / "benchmarks/peers"))
from dump_golden import dump, kind, preset, untrained  # noqa: E402

NETWORKS = [
    "resnet50", "resnext50_32x4d", "mobilenet_v3_large", "convnext_tiny", "vit_b_16",
    "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn",
    "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2", "keypointrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn",
    "ssd300_vgg16", "ssdlite320_mobilenet_v3_large",
    "fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large",
]

# The layers whose results are scores: the standard deviation that their results get, and their mean.
DECIDING = {
    "rpn.head.cls_logits": (2.0, -3.0), "classification_head.cls_logits": (1.0, -4.5), "cls_score": (2.5, 0.0), "bbox_pred": (0.5, 0.0), "bbox_reg": (0.5, 0.0),
    "bbox_ctrness": (1.0, 0.0), "mask_fcn_logits": (3.0, 0.0), "kps_score_lowres": (1.0, 0.0),
}


def build(name):
    torch.manual_seed(0)
    model = untrained(name)
    if kind(model) == "segmentation" and getattr(model, "aux_classifier", None) is not None:
        model.aux_classifier = None
    return model


def calibrate(model, given):
    """Gives every batch norm the statistics of its input on the picture, and deciding layers results that are spread."""
    hooks = []

    def norm(module, inputs):
        x = inputs[0]
        dims = [0, 2, 3]
        module.running_mean.copy_(x.mean(dims))
        module.running_var.copy_(x.var(dims, unbiased=False) + 1e-3)

    def deciding(spread, mean):
        done = []

        def hook(module, inputs, output):
            if done:  # a layer that is applied to several levels
                return None
            done.append(True)
            factor = spread / max(float((output - output.mean()).std()), 1e-6)
            module.weight.mul_(factor)
            module.bias.zero_().add_(mean - factor * float((output - channelwise(module, output)).mean()))
            return module.forward(*inputs)
        return hook

    for path, module in model.named_modules():
        # Or else sums of residuals grow, and with them every difference in rounding.
        if path.endswith("bn3"):
            module.weight.data.fill_(0.25)
        if getattr(module, "use_res_connect", False):
            module.block[-1][1].weight.data.fill_(0.25)
        if hasattr(module, "weight") and module.weight is not None and not module.weight.any():
            torch.nn.init.normal_(module.weight, std=0.02)  # the head of a vision transformer
        if "BatchNorm" in type(module).__name__:
            hooks.append(module.register_forward_pre_hook(norm))
        for name, spread in DECIDING.items():
            if path.endswith(name) and hasattr(module, "weight"):
                hooks.append(module.register_forward_hook(deciding(*spread)))
    with torch.no_grad():
        model.eval()(given)
    for hook in hooks:
        hook.remove()


def channelwise(module, output):
    """The bias of a layer, in the shape of its results."""
    return module.bias.reshape([1, -1] + [1] * (output.dim() - 2))


def bench(args, checkpoint):
    """The least time of argand's runs, in milliseconds."""
    ran = subprocess.run([args.argand, "bench", "--json", "--threads", "1", "--count", "3", "--warmup", "1", "--model",
                          checkpoint, "--input", args.picture], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)["min_ms"]


def least(model, picture, transform):
    """The least time of PyTorch's runs, in milliseconds."""
    image = Image.open(picture).convert("RGB")
    given = [functional.to_tensor(image)] if kind(model) == "detection" else transform(image).unsqueeze(0)
    times = []
    with torch.no_grad():
        for _ in range(4):  # the first is not counted
            start = time.perf_counter()
            model(given)
            times.append(time.perf_counter() - start)
    return 1000 * min(times[1:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--argand", required=True)
    parser.add_argument("--picture", default=str(root / "testdata/tv0292/photo_480x640_7.png"))
    parser.add_argument("--work", default=".")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--only", nargs="*", default=NETWORKS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    work = pathlib.Path(args.work)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}\n")
    timed = " argand, ms | torch, ms | ratio |" if args.time else ""
    print("| network | parameters | stages | greatest difference | answer | |" + timed)
    print("|---|---|---|---|---|---|" + "---|" * timed.count("|"))
    failed = False
    for name in args.only:
        model = build(name)
        image = Image.open(args.picture).convert("RGB")
        if kind(model) == "detection":
            given = [functional.to_tensor(image)]
        else:
            side = 224 if kind(model) == "classification" else 520
            given = functional.to_tensor(image.resize((side, side))).sub(0.45).div(0.225).unsqueeze(0)
        calibrate(model, given)
        torch.save(model.state_dict(), work / f"{name}.pth")
        dump(model, args.picture, work / f"{name}.golden.pth", preset(name))
        ran = subprocess.run([args.argand, "compare", "--json", "--threads", "1", "--model", work / f"{name}.pth",
                              "--golden", work / f"{name}.golden.pth"], capture_output=True, text=True)
        if not ran.stdout:
            print(f"| {name} | | | | | {ran.stderr.strip()} |", flush=True)
            failed = True
            continue
        v = json.loads(ran.stdout)
        here = [s for s in v["stages"] if not s.get("missing") and s["shape"][0] == 1]
        worst = max((s["difference"] for s in here), default=0)
        verdict = "agrees" if not v.get("first") else f"differs first at {v['first']}"
        missing = sum(1 for s in v["stages"] if s.get("missing"))
        count = f"{len(v['stages'])}" + (f", {missing} not here" if missing else "")
        parameters = sum(p.numel() for p in model.parameters()) / 1e6
        row = f"| `{name}` | {parameters:.1f} M | {count} | {worst:.1g} | {v['answer']['what']} | {verdict} |"
        if args.time:
            ours = bench(args, work / f"{name}.pth")
            theirs = least(model, args.picture, preset(name))
            row += f" {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} |"
        print(row, flush=True)
        failed = failed or bool(v.get("first"))
    sys.exit(failed)


if __name__ == "__main__":
    main()
