#!/usr/bin/env python3
"""Train the two small classifiers of this example from scratch, on a CPU, in a few minutes.

Both are torchvision's ResNet-18 with exactly its module tree, and so its state_dict keys; only
the channel counts are scaled by 8/64. They tell circles, squares, triangles and stars apart
in crops of the scenes that testdata/shapes/train_shapes.py draws, and are written by torch.save
in half precision as judge_a.pth and judge_b.pth, which differ in the seed of their
training.

  ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=1 python3 train_judges.py [judge_a.pth]

(Without that limit the backward pass of torch 2.15 crashes for 8 channels on some AVX-512 machines.)
"""
import pathlib
import sys
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models.resnet import BasicBlock

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent.parent / "testdata" / "shapes"))
from train_shapes import scene, slim_resnet  # noqa: E402

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def crops(seeds, rng, side=96):
    """Squares around objects, as the example's crop and the classifier's centre crop leave them."""
    xs, ys = [], []
    for s in seeds:
        img, boxes, labels, _ = scene(s, int(rng.integers(128, 257)))
        for (x1, y1, x2, y2), label in zip(boxes, labels):
            r = max(x2 - x1, y2 - y1) * rng.uniform(0.5, 0.68)
            cx = (x1 + x2) / 2 + r * rng.uniform(-0.08, 0.08)
            cy = (y1 + y2) / 2 + r * rng.uniform(-0.08, 0.08)
            box = [round(v) for v in (cx - r, cy - r, cx + r, cy + r)]  # outside is black
            xs.append(np.asarray(Image.fromarray(img).crop(box).resize((side, side), Image.BILINEAR)))
            ys.append(label - 1)
    return torch.from_numpy(np.stack(xs)), torch.tensor(ys)


def prepare(x):
    x = x.permute(0, 3, 1, 2).float().div(255).sub(MEAN[:, None, None]).div(STD[:, None, None])
    return nn.functional.interpolate(x, 224, mode="bilinear", align_corners=False)


def train(seed, data, held, steps, batch=16, width=8):
    torch.manual_seed(seed)
    net = slim_resnet(BasicBlock, [2, 2, 2, 2], width, nn.BatchNorm2d)
    net.fc = nn.Linear(width * 8, 4)
    x, y = data
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=steps)
    net.train()
    start = time.time()
    for step in range(steps):
        i = torch.randint(len(x), (batch,))
        xb = prepare(x[i])
        if step & 1:
            xb = xb.flip(3)
        loss = nn.functional.cross_entropy(net(xb), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        plan.step()
        if step % 50 == 0:
            print(f"seed {seed} step {step}/{steps} loss {loss.item():.3f} {time.time() - start:.0f} s", flush=True)
    net.eval()
    net.half().float()  # what will be saved
    with torch.no_grad():
        hits = sum((net(prepare(held[0][k:k + 50])).argmax(1) == held[1][k:k + 50]).sum().item()
                   for k in range(0, len(held[0]), 50))
    print(f"seed {seed}: {hits} of {len(held[0])} unseen crops right", flush=True)
    return {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}


def main():
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    data = crops(range(500_000, 501_000), rng)
    held = crops(range(600_000, 600_100), rng)
    print(len(data[0]), "crops", flush=True)
    for name, seed in (("judge_a.pth", 1), ("judge_b.pth", 2)):
        if len(sys.argv) < 2 or sys.argv[1] == name:
            torch.save(train(seed, data, held, 900), here / name)


if __name__ == "__main__":
    main()
