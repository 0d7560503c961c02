#!/usr/bin/env python3
"""Train a real (small) torchvision Mask R-CNN from scratch, on CPU, on synthetic shapes.

The network is torchvision's MaskRCNN with exactly the module tree (and so the state_dict
keys) of maskrcnn_resnet50_fpn: Bottleneck [3,4,6,3] body, FPN + LastLevelMaxPool, RPNHead,
TwoMLPHead, FastRCNNPredictor, MaskRCNNHeads, MaskRCNNPredictor; only channel counts are
scaled by --width/64.  It trains with BatchNorm2d and is exported with FrozenBatchNorm2d.

  OMP_NUM_THREADS=1 python3 train_shapes.py --minutes 50 --out shapes_r50w16.pth
"""
import argparse, json, math, random, time, sys
import numpy as np
import torch
from torch import nn
from PIL import Image, ImageDraw, ImageFilter
from torchvision.models.resnet import ResNet, Bottleneck, BasicBlock
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import TwoMLPHead, FastRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops.misc import FrozenBatchNorm2d
from torchvision.ops import box_iou

CLASSES = ["__background__", "circle", "square", "triangle", "star"]


# ----------------------------------------------------------------------------- model
def slim_resnet(block, layers, width, norm_layer):
    m = ResNet(block, layers, norm_layer=norm_layer)
    m.inplanes = width
    m.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
    m.bn1 = norm_layer(width)
    m.layer1 = m._make_layer(block, width, layers[0])
    m.layer2 = m._make_layer(block, width * 2, layers[1], stride=2)
    m.layer3 = m._make_layer(block, width * 4, layers[2], stride=2)
    m.layer4 = m._make_layer(block, width * 8, layers[3], stride=2)
    for c in m.modules():
        if isinstance(c, nn.Conv2d):
            nn.init.kaiming_normal_(c.weight, mode="fan_out", nonlinearity="relu")
    return m


def build(width=16, fpn=64, rep=128, norm_layer=nn.BatchNorm2d, arch="resnet50", **kw):
    block, layers = {"resnet18": (BasicBlock, [2, 2, 2, 2]),
                     "resnet50": (Bottleneck, [3, 4, 6, 3])}[arch]
    body = slim_resnet(block, layers, width, norm_layer)
    del body.fc, body.avgpool
    e = block.expansion
    bb = BackboneWithFPN(body, {"layer1": "0", "layer2": "1", "layer3": "2", "layer4": "3"},
                         [width * e, width * 2 * e, width * 4 * e, width * 8 * e], fpn)
    n = len(CLASSES)
    kw = {**dict(min_size=256, max_size=640), **kw}
    return MaskRCNN(bb, None,
                    box_head=TwoMLPHead(fpn * 49, rep), box_predictor=FastRCNNPredictor(rep, n),
                    mask_head=MaskRCNNHeads(fpn, (fpn,) * 4, 1),
                    mask_predictor=MaskRCNNPredictor(fpn, fpn, n), **kw)


# ------------------------------------------------------------------------------ data
def texture(rng, h, w, base, amp):
    out = np.zeros((h, w, 3), np.float32) + base
    for o in (4, 8, 16, 48):
        gh, gw = max(2, h // o), max(2, w // o)
        n = rng.standard_normal((gh, gw, 3)).astype(np.float32)
        if rng.random() < 0.5:
            n = np.repeat(n.mean(2, keepdims=True), 3, 2)
        a = amp * rng.random() * (0.5 + o / 24)
        im = np.stack([np.asarray(Image.fromarray(n[:, :, c], "F").resize((w, h), Image.BICUBIC))
                       for c in range(3)], 2)
        out += a * im
    return out


def polygon(kind, rng, cx, cy, r):
    a0 = rng.random() * 2 * math.pi
    if kind == 1:
        ang = [2 * math.pi * i / 48 for i in range(48)]
        rad = [1.0] * 48
    elif kind == 2:
        ang = [a0 + math.pi / 2 * i for i in range(4)]
        rad = [1.0] * 4
    elif kind == 3:
        ang = [a0 + 2 * math.pi / 3 * i for i in range(3)]
        rad = [1.1] * 3
    else:
        ang = [a0 + math.pi / 5 * i for i in range(10)]
        rad = [1.1, 0.48] * 5
    sq = 1.0 + 0.15 * (rng.random() - 0.5)
    return [(cx + r * k * math.cos(t) * sq, cy + r * k * math.sin(t)) for t, k in zip(ang, rad)]


def scene(seed, size, nmax=6):
    """size: short side; returns HxWx3 uint8, boxes, labels, masks."""
    rng = np.random.default_rng(seed)
    h = w = size
    if rng.random() < 0.5:
        h = int(size * (1 + 0.35 * rng.random()))
    elif rng.random() < 0.7:
        w = int(size * (1 + 0.35 * rng.random()))
    img = texture(rng, h, w, rng.random(3).astype(np.float32) * 160 + 40, 14)
    owner = np.zeros((h, w), np.int32)
    kinds = []
    areas = []
    for i in range(int(rng.integers(1, nmax + 1))):
        k = int(rng.integers(1, 5))
        # log-uniform radius, 9 px .. 0.48 * short side
        r = math.exp(rng.uniform(math.log(10), math.log(0.46 * size)))
        cx, cy = rng.uniform(0.7 * r, w - 0.7 * r), rng.uniform(0.7 * r, h - 0.7 * r)
        m = Image.new("L", (w * 2, h * 2), 0)
        p = [(x * 2, y * 2) for x, y in polygon(k, rng, cx, cy, r)]
        ImageDraw.Draw(m).polygon(p, fill=255)
        m = m.resize((w, h), Image.BOX)
        a = np.asarray(m, np.float32)[:, :, None] / 255
        col = rng.random(3).astype(np.float32) * 235 + 10
        fill = texture(rng, h, w, col, 5) if rng.random() < 0.5 else col[None, None]
        img = img * (1 - a) + fill * a
        owner[a[:, :, 0] > 0.5] = i + 1
        kinds.append(k)
        areas.append((a > 0.5).sum())
    img += rng.standard_normal(img.shape) * rng.random() * 6
    img = np.clip(img, 0, 255).astype(np.uint8)
    boxes, labels, masks = [], [], []
    for i, k in enumerate(kinds):
        m = owner == i + 1
        if m.sum() < max(60, 0.45 * areas[i]):
            continue
        ys, xs = np.where(m)
        boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        labels.append(k)
        masks.append(m)
    if not boxes:
        return scene(seed + 7919, size, nmax)
    return img, np.array(boxes, np.float32), np.array(labels, np.int64), np.array(masks, np.uint8)


def sample(seed, size, nmax=6):
    img, b, l, m = scene(seed, size, nmax)
    return (torch.from_numpy(img).permute(2, 0, 1).float().div(255),
            {"boxes": torch.from_numpy(b), "labels": torch.from_numpy(l), "masks": torch.from_numpy(m)})


# ------------------------------------------------------------------------ evaluation
def average_precision(model, seeds, size, thrs=(0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)):
    """COCO-like AP (101 point interpolation), boxes and masks (binarised at 0.5)."""
    model.eval()
    dets, gts = [], []
    with torch.no_grad():
        for s in seeds:
            x, t = sample(s, size)
            dets.append(model([x])[0])
            gts.append(t)
    res = {}
    for what in ("box", "mask"):
        aps = {t: [] for t in thrs}
        for c in range(1, len(CLASSES)):
            npos = sum(int((g["labels"] == c).sum()) for g in gts)
            per = []
            for d, g in zip(dets, gts):
                di, gi = torch.where(d["labels"] == c)[0], torch.where(g["labels"] == c)[0]
                if what == "box":
                    iou = box_iou(d["boxes"][di], g["boxes"][gi])
                else:
                    a = (d["masks"][di, 0] > 0.5).flatten(1).float()
                    b = g["masks"][gi].flatten(1).float()
                    inter = a @ b.T
                    iou = inter / (a.sum(1)[:, None] + b.sum(1)[None] - inter).clamp(min=1)
                per.append((d["scores"][di].numpy(), iou.numpy()))
            for t in thrs:
                sc, tp = [], []
                for s, iou in per:
                    used = np.zeros(iou.shape[1], bool)
                    for k in range(len(s)):
                        v = np.where(used, -1, iou[k]) if iou.shape[1] else np.array([])
                        j = int(v.argmax()) if v.size else -1
                        ok = j >= 0 and v[j] >= t
                        if ok:
                            used[j] = True
                        sc.append(s[k]); tp.append(ok)
                if not sc:
                    aps[t].append(0.0); continue
                o = np.argsort(-np.array(sc), kind="stable")
                tp = np.array(tp)[o]
                ctp = np.cumsum(tp); rec = ctp / max(1, npos); pre = ctp / (np.arange(len(tp)) + 1)
                pre = np.maximum.accumulate(pre[::-1])[::-1]
                idx = np.searchsorted(rec, np.linspace(0, 1, 101), side="left")
                aps[t].append(float(np.mean([pre[i] if i < len(pre) else 0.0 for i in idx])))
        res[what + "_AP50"] = float(np.mean(aps[0.5]))
        res[what + "_AP75"] = float(np.mean(aps[0.75]))
        res[what + "_AP"] = float(np.mean([np.mean(v) for v in aps.values()]))
    return res


def draw(model, seeds, size, path, thr=0.5):
    model.eval()
    pal = [(0, 0, 0), (255, 60, 60), (60, 255, 60), (80, 120, 255), (255, 220, 40)]
    tiles = []
    for s in seeds:
        x, t = sample(s, size)
        with torch.no_grad():
            d = model([x])[0]
        im = (x.permute(1, 2, 0).numpy() * 255).astype(np.float32)
        keep = d["scores"] > thr
        for m, l in zip(d["masks"][keep], d["labels"][keep]):
            a = (m[0].numpy() > 0.5)[:, :, None] * 0.45
            im = im * (1 - a) + np.array(pal[l], np.float32) * a
        p = Image.fromarray(im.astype(np.uint8)); dr = ImageDraw.Draw(p)
        for b, l, sc in zip(d["boxes"][keep], d["labels"][keep], d["scores"][keep]):
            dr.rectangle([float(v) for v in b], outline=pal[l])
            dr.text((float(b[0]) + 2, float(b[1]) + 1), f"{CLASSES[l][:3]} {sc:.2f}", fill=(255, 255, 255))
        q = Image.new("RGB", (int(size * 1.36), int(size * 1.36))); q.paste(p, (0, 0)); tiles.append(q)
    n = int(math.ceil(math.sqrt(len(tiles)))); w = tiles[0].width
    sheet = Image.new("RGB", (w * n, w * ((len(tiles) + n - 1) // n)))
    for i, t in enumerate(tiles):
        sheet.paste(t, (w * (i % n), w * (i // n)))
    sheet.save(path)


def freeze(model, a):
    """BatchNorm2d model -> same weights in a FrozenBatchNorm2d model (drops num_batches_tracked)."""
    f = build(a.width, a.fpn, a.rep, FrozenBatchNorm2d, a.arch)
    f.load_state_dict(model.state_dict(), strict=False)   # only num_batches_tracked is extra
    missing = set(f.state_dict()) - set(model.state_dict())
    assert not missing, missing
    return f.eval()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--arch", default="resnet50")
    ap.add_argument("--width", type=int, default=16)
    ap.add_argument("--fpn", type=int, default=64)
    ap.add_argument("--rep", type=int, default=128)
    ap.add_argument("--minutes", type=float, default=50, help="CPU minutes of this process")
    ap.add_argument("--wall", type=float, default=170, help="hard cap, wall minutes")
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--out", default="shapes_r50w16.pth")
    ap.add_argument("--resume", default="")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed); random.seed(a.seed); np.random.seed(a.seed)
    model = build(a.width, a.fpn, a.rep, nn.BatchNorm2d, a.arch,
                  rpn_pre_nms_top_n_train=400, rpn_post_nms_top_n_train=200,
                  box_batch_size_per_image=64, rpn_batch_size_per_image=128)
    if a.resume:
        model.load_state_dict(torch.load(a.resume))
    print("params", sum(p.numel() for p in model.parameters()) / 1e6, "M", flush=True)
    opt = torch.optim.AdamW(model.parameters(), lr=a.lr, weight_decay=1e-3)
    c0 = time.process_time(); t0 = time.time(); it = 0; seed = 10_000_000 * a.seed; ema = {}; nimg = 0
    T = a.minutes * 60
    while True:
        el = max(time.process_time() - c0, (time.time() - t0) * a.minutes / a.wall)
        if el > T:
            break
        # bucket: (short side, batch)
        size, nb = [(128, a.batch), (192, a.batch), (256, max(2, a.batch // 2)), (512, max(1, a.batch // 8 + 1))][
            int(np.random.choice(4, p=[0.45, 0.3, 0.18, 0.07]))]
        lr = a.lr * min(1, (it + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * min(1, el / T))) + 1e-6
        for g in opt.param_groups:
            g["lr"] = lr
        batch = [sample(seed + i, size) for i in range(nb)]; seed += nb; nimg += nb
        model.transform.min_size = (size,); model.transform.max_size = int(size * 1.4)
        model.train()
        if nb < 4:      # tiny batch: keep BN statistics, do not update them
            for m in model.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.eval()
        loss = model([x for x, _ in batch], [t for _, t in batch])
        tot = sum(loss.values())
        opt.zero_grad(); tot.backward()
        gn = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        if torch.isfinite(gn):
            opt.step()
        for k, v in loss.items():
            ema[k] = float(v) if it == 0 else 0.97 * ema[k] + 0.03 * float(v)
        it += 1
        if it % 25 == 0:
            print(f"it {it} img {nimg} cpu {time.process_time()-c0:.0f}s wall {time.time()-t0:.0f}s lr {lr:.2e} gn {float(gn):.2f} " +
                  " ".join(f"{k.replace('loss_','')} {v:.3f}" for k, v in ema.items()), flush=True)
        if it % 400 == 0:
            torch.save(model.state_dict(), a.out + ".ckpt")
            model.transform.min_size = (192,); model.transform.max_size = 270
            print("   eval192", {k: round(v, 3) for k, v in average_precision(model, range(500, 530), 192).items()}, flush=True)
    torch.save(model.state_dict(), a.out + ".bn")
    f = freeze(model, a)
    torch.save(f.state_dict(), a.out)
    for size in (192, 256, 512):
        f.transform.min_size = (size,); f.transform.max_size = int(size * 1.4)
        r = average_precision(f, range(1000, 1000 + (100 if size < 512 else 40)), size)
        print("FINAL frozen", size, {k: round(v, 3) for k, v in r.items()}, flush=True)
    f.transform.min_size = (256,); f.transform.max_size = 360
    draw(f, range(2000, 2016), 256, a.out + ".png")


if __name__ == "__main__":
    main()
