#!/usr/bin/env python3
"""Writes what a network of PyTorch computes, stage by stage, for `argand compare` to compare with.

    python3 dump_golden.py maskrcnn_resnet50_fpn --weights my.pth --picture photo.jpg --out golden.pth
    argand compare --golden golden.pth --model my.pth

or, for a model that a program of yours has built and loaded:

    from dump_golden import dump
    dump(model, picture="photo.jpg", out="golden.pth")

It takes torch, torchvision and Pillow. The model is one of torchvision's, or has its interface: a detector takes a list
of pictures and returns a list of dicts, a segmenter returns a dict with "out", a classifier returns logits. Detectors are
given the picture as it is, classifiers and segmenters what torchvision's preset makes of it.

golden.pth is a state_dict: "meta" is a JSON text as bytes, "picture" the bytes of the picture's file, "input" what the
model was given, "stage.N" some numbers of the result of a layer, and what the model returned. The numbers are 4096 at
places (j * 2654435761) mod n; where a result has a row for each object, 16 of each row at such places, for rows to be
found whose order is another. Every layer that has weights is a stage, but a convolution whose batch norm follows is one
with it.
"""
import argparse
import json
import pathlib

import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional
from torchvision.transforms._presets import ImageClassification, SemanticSegmentation

def samples(tensor, total, each):
    """Numbers of a tensor at places that any program can compute, a row for each row of the tensor."""
    rows = tensor.detach().flatten(1)
    n = rows.shape[1]
    most = total if len(rows) == 1 else each
    return rows[:, torch.arange(min(n, most)) * 2654435761 % max(n, 1)].float().clone()


def channels_last(module, output):
    """Whether torch has the channels of an output last where convolutions have them second."""
    own = isinstance(module, (torch.nn.Linear, torch.nn.LayerNorm)) and "2d" not in type(module).__name__
    return own and output.dim() > 2


def record(model, total, each):
    """Has every layer with weights append what it computes to the list that is returned, with what undoes that."""
    stages, calls, hooks = [], {}, []

    def hook(path):
        def called(module, inputs, output):
            if not isinstance(output, torch.Tensor) or not output.is_floating_point() or output.dim() < 2:
                return
            if not output.numel():  # a head has nothing to look at when nothing is found
                return
            if "BatchNorm" in type(module).__name__ and stages and stages[-1]["output"] is inputs[0]:
                stages.pop()
            call = calls[path] = calls.get(path, -1) + 1
            if stages:
                stages[-1]["output"] = None  # what it was may be overwritten; it has served its purpose
            stages.append({"path": path, "call": call, "shape": list(output.shape), "output": output,
                           "channels_last": channels_last(module, output),
                           "greatest": float(output.nan_to_num(0, 0, 0).abs().max()),
                           "samples": samples(output, total, each)})
        return called

    for path, module in model.named_modules():
        weights = list(module.parameters(recurse=False)) + list(module.buffers(recurse=False))
        if weights and not list(module.children()):
            hooks.append(module.register_forward_hook(hook(path)))
    return stages, hooks


def settings(model):
    """What no state_dict holds, for a difference to be explained by."""
    found = {}
    eps = {m.eps for m in model.modules() if "BatchNorm" in type(m).__name__}
    if len(eps) == 1:
        found["eps"] = eps.pop()
    transform = getattr(model, "transform", None)
    if transform is not None:
        found["min_size"], found["max_size"] = transform.min_size[-1], transform.max_size
        found["fixed_size"] = getattr(transform, "fixed_size", None)
    heads = getattr(model, "roi_heads", model)
    for name in ("score_thresh", "nms_thresh", "detections_per_img"):
        if hasattr(heads, name):
            found[name] = getattr(heads, name)
    return found


def kind(model):
    """What the model is for, by what it consists of."""
    if hasattr(model, "transform"):
        return "detection"
    return "segmentation" if hasattr(model, "backbone") else "classification"


def dump(model, picture, out, preset=None, total=4096, each=16):
    """Runs the model on a picture, a path, and writes the file. Preset makes a classifier's or segmenter's input. Of each
    stage it keeps a total of numbers, or some of each row."""
    model.eval()
    task = kind(model)
    image = Image.open(picture).convert("RGB")
    stages, hooks = record(model, total, each)
    with torch.no_grad():
        if task == "detection":
            given = functional.to_tensor(image)
            result = model([given])[0]
        else:
            usual = {"segmentation": lambda: SemanticSegmentation(resize_size=520),
                     "classification": lambda: ImageClassification(crop_size=224)}
            given = (preset or usual[task]())(image).unsqueeze(0)
            result = model(given)
            result = {"logits": result["out"] if task == "segmentation" else result}
    for hook in hooks:
        hook.remove()
    tensors = {"picture": torch.frombuffer(bytearray(pathlib.Path(picture).read_bytes()), dtype=torch.uint8),
               "input": given}
    for name, value in result.items():
        if name == "masks":  # as bits, a row of bytes for each object
            bits = (value[:, 0] >= 0.5).flatten(1)
            bits = torch.nn.functional.pad(bits, (0, -bits.shape[1] % 8)).unflatten(1, (-1, 8)).to(torch.uint8)
            value = (bits << torch.arange(7, -1, -1)).sum(2, dtype=torch.uint8)
        tensors[name] = value
    for i, stage in enumerate(stages):
        tensors[f"stage.{i}"] = stage.pop("samples")
        del stage["output"]
    meta = {"torch": torch.__version__, "torchvision": torchvision.__version__, "model": type(model).__name__,
            "task": task, "settings": settings(model), "stages": stages}
    tensors["meta"] = torch.frombuffer(bytearray(json.dumps(meta).encode()), dtype=torch.uint8)
    torch.save({name: value.contiguous() for name, value in tensors.items()}, out)
    return result


def untrained(builder, **options):
    """A model of torchvision's builder with random weights."""
    try:
        return torchvision.models.get_model(builder, weights=None, weights_backbone=None, **options)
    except TypeError:  # a classifier has no backbone
        return torchvision.models.get_model(builder, weights=None, **options)


def preset(builder):
    """The transform of the first weights that were published for a builder, which is argand's default too."""
    return list(torchvision.models.get_model_weights(builder))[0].transforms()


def main():
    parser = argparse.ArgumentParser(description="Dump what a network of torchvision computes, stage by stage.")
    parser.add_argument("builder", help="torchvision's, such as resnet50")
    parser.add_argument("--weights", help="file of a state_dict; by default, the builder's random ones are kept in --save")
    parser.add_argument("--save", help="write the state_dict to this file")
    parser.add_argument("--classes", type=int, help="number of classes, if not the builder's own")
    parser.add_argument("--picture", required=True)
    parser.add_argument("--out", default="golden.pth")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model = untrained(args.builder, **({"num_classes": args.classes} if args.classes else {}))
    if args.weights:
        model.load_state_dict(torch.load(args.weights, map_location="cpu"))
    if args.save:
        torch.save(model.state_dict(), args.save)
    result = dump(model, args.picture, args.out, preset(args.builder))
    print({name: list(value.shape) for name, value in result.items()})


if __name__ == "__main__":
    main()
