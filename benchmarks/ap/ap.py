#!/usr/bin/env python3
"""Evaluates Argand and torchvision with pycocotools on the same scenes and the same checkpoint.

    python3 benchmarks/ap/ap.py --out benchmarks/ap/RESULTS.md      # in the root of the repository

The scenes are drawn by testdata/shapes/train_shapes.py from seeds that the training never saw; they are of many sizes,
so that most are resized. Torchvision runs here, Argand as "go run ./benchmarks/ap", which writes COCO's results by
itself. Exits with 1 if an AP differs by more than 0.001. Needs torch, torchvision, pillow and pycocotools.
"""
import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile

import numpy as np
import pycocotools
import torch
import torchvision
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.ops.misc import FrozenBatchNorm2d

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "testdata", "shapes"))
import train_shapes  # noqa: E402

MODEL = os.path.join(ROOT, "testdata", "shapes", "model.pth")
FIRST_SEED, MIN_SIZE, MAX_SIZE, MOST_OBJECTS, TOLERANCE = 700_000, 256, 360, 9, 0.001
NAMES = ["AP", "AP50", "AP75", "AP small", "AP medium", "AP large", "AR 1", "AR 10", "AR 100", "AR small", "AR medium",
         "AR large"]


def encode(mask):
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return dict(size=rle["size"], counts=rle["counts"].decode())


def xywh(box):
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def draw(n, directory):
    """Writes n scenes as PNG files, and returns COCO's annotations of them."""
    images, annotations = [], []
    for i in range(n):
        img, boxes, labels, masks = train_shapes.scene(FIRST_SEED + i, 160 + 7 * i % 161, MOST_OBJECTS)
        Image.fromarray(img).save(os.path.join(directory, f"{i}.png"))
        images.append(dict(id=i, height=img.shape[0], width=img.shape[1], file_name=f"{i}.png"))
        for box, label, mask in zip(boxes, labels, masks):
            annotations.append(dict(id=len(annotations) + 1, image_id=i, category_id=int(label), iscrowd=0,
                                    bbox=xywh(box), area=int(mask.sum()), segmentation=encode(mask)))
    categories = [dict(id=i, name=c) for i, c in enumerate(train_shapes.CLASSES) if i]
    return dict(info={}, images=images, annotations=annotations, categories=categories)


def run_torchvision(n, directory):
    model = train_shapes.build(16, 64, 128, FrozenBatchNorm2d, min_size=MIN_SIZE, max_size=MAX_SIZE)
    model.load_state_dict(torch.load(MODEL, map_location="cpu"))
    model.eval()
    results = []
    for i in range(n):
        pixels = np.asarray(Image.open(os.path.join(directory, f"{i}.png")))
        with torch.no_grad():
            found = model([torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous().float() / 255])[0]
        masks = (found["masks"] > 0.5).numpy()  # as torchvision's references/detection/coco_eval.py
        for box, label, score, mask in zip(found["boxes"].numpy(), found["labels"], found["scores"], masks):
            results.append(dict(image_id=i, category_id=int(label), bbox=xywh(box), score=float(score),
                                segmentation=encode(mask[0])))
    return results


def evaluate(truth, results, kind):
    """The twelve numbers of COCO; areas are those of the kind, so that boxes are left out for masks."""
    if kind == "segm":
        results = [{k: v for k, v in r.items() if k != "bbox"} for r in results]
    with contextlib.redirect_stdout(io.StringIO()):
        e = COCOeval(truth, truth.loadRes(json.loads(json.dumps(results))), kind)
        e.evaluate()
        e.accumulate()
        e.summarize()
    return [float(v) for v in e.stats]


def same(a, b):
    """How many results have a partner in the same place of the list, and how far those are apart."""
    ours, theirs = {}, {}
    for into, results in ((ours, a), (theirs, b)):
        for r in results:
            into.setdefault(r["image_id"], []).append(r)
    pairs = score = box = masks = 0
    for image, list_ in theirs.items():
        for p, q in zip(ours.get(image, []), list_):
            if p["category_id"] != q["category_id"] or abs(p["score"] - q["score"]) > 0.01:
                continue
            pairs += 1
            score = max(score, abs(p["score"] - q["score"]))
            box = max(box, max(abs(v - w) for v, w in zip(p["bbox"], q["bbox"])))
            masks += p["segmentation"] == q["segmentation"]
    return pairs, score, box, masks


def cpu():
    with open("/proc/cpuinfo") as f:
        lines = dict(line.split(":", 1) for line in f.read().replace("\t", "").splitlines() if ":" in line)
    return (f"{lines.get('model name', platform.processor()).strip()}, "
            f"cpu family {lines.get('cpu family', '?').strip()} model {lines.get('model', '?').strip()}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--scenes", type=int, default=200)
    args.add_argument("--out", help="file to write the table to, besides the terminal")
    a = args.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        annotations = os.path.join(directory, "annotations.json")
        with open(annotations, "w") as f:
            json.dump(draw(a.scenes, directory), f)
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(annotations)
        theirs = run_torchvision(a.scenes, directory)
        output = os.path.join(directory, "argand.json")
        subprocess.run(["go", "run", "./benchmarks/ap", "-model", MODEL, "-pictures", directory, "-o", output,
                        "-min-size", str(MIN_SIZE), "-max-size", str(MAX_SIZE)], cwd=ROOT, check=True)
        with open(output) as f:
            ours = json.load(f)
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    pairs, score, box, masks = same(ours, theirs)
    lines = [
        "# AP of Argand and torchvision",
        "",
        f"`python3 benchmarks/ap/ap.py --scenes {a.scenes}`: the shapes network (testdata/shapes/model.pth) on "
        f"{a.scenes} generated scenes",
        f"with {len(truth.anns)} objects, evaluated by pycocotools. Argand's results are the COCO file that it writes.",
        "",
        f"* CPU: {cpu()}",
        f"* torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, "
        f"pycocotools {version()}, numpy {np.__version__}; commit {commit.stdout.strip()}",
        f"* {len(theirs)} results of torchvision, {len(ours)} of Argand; {pairs} agree in place and class, with scores "
        f"within {score:.1g}",
        f"  and boxes within {box:.1g} px; {masks} of their masks are equal in every pixel.",
        "",
        "| | bbox, torchvision | bbox, Argand | difference | segm, torchvision | segm, Argand | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    columns, worst = [], 0.0
    for kind in ("bbox", "segm"):
        columns += [evaluate(truth, theirs, kind), evaluate(truth, ours, kind)]
    for name, *v in zip(NAMES, *columns):
        worst = max(worst, abs(v[1] - v[0]), abs(v[3] - v[2]))
        lines.append(f"| {name} | {v[0]:.4f} | {v[1]:.4f} | {v[1] - v[0]:+.5f} | {v[2]:.4f} | {v[3]:.4f} | "
                     f"{v[3] - v[2]:+.5f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if a.out:
        with open(a.out, "w") as f:
            f.write(text)
    if worst > TOLERANCE:
        sys.exit(f"the greatest difference is {worst:.5f}, allowed is {TOLERANCE}")


def version():
    from importlib.metadata import version as of
    return of(pycocotools.__name__)


if __name__ == "__main__":
    main()
