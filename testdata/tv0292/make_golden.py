#!/usr/bin/env python3
"""Golden data for torchvision's full-size maskrcnn_resnet50_fpn without any pretrained file.

Weights are procedural: every float32 weight is scale(name) * u(name, i) of ../procedural.py,
so that any language rebuilds all 44.4 M of them from the scales in calib.json and the vectors in calib.safetensors
(the running statistics of batch norms, and biases, as float16). Calibration makes every layer's output of unit
variance on one synthetic picture, so that scores are spread, NMS suppresses and all pyramid levels are used, although
nothing was trained.

    python3 make_golden.py calib    # photo_*.png, calib.json, calib.safetensors
    python3 make_golden.py run      # a_*, b_*, c_*: outputs and samples of the stages
    python3 make_golden.py pth      # golden_maskrcnn_r50.pth, 178 MB, the same network as torch.save writes it
"""
import json, math, pathlib, sys, struct, time
import numpy as np
import torch
from torch import nn
from PIL import Image, ImageDraw
import torchvision
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.ops.misc import FrozenBatchNorm2d

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from procedural import random

OUT = "./"


# ------------------------------------------------------------------- synthetic photo
def photo(h, w, seed):
    """deterministic, photo-like: gradients, blurred noise, discs, polygons, shadows."""
    rng = np.random.RandomState(seed)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float64)
    img = np.stack([90 + 70 * yy / h + 20 * np.sin(xx / 97.0), 110 + 50 * xx / w,
                    150 - 60 * yy / h + 15 * np.cos(xx / 61.0 + yy / 83.0)], 2)
    for o, a in ((64, 26), (24, 14), (8, 8)):
        n = rng.standard_normal((max(2, h // o), max(2, w // o), 3)).astype(np.float32)
        for c in range(3):
            img[:, :, c] += a * np.asarray(Image.fromarray(n[:, :, c], "F").resize((w, h), Image.BICUBIC))
    im = Image.fromarray(np.clip(img, 0, 255).astype(np.uint8)).resize((2 * w, 2 * h), Image.BILINEAR)
    d = ImageDraw.Draw(im, "RGBA")
    for k in range(26):
        cx, cy = rng.randint(0, 2 * w), rng.randint(0, 2 * h)
        r = int(math.exp(rng.uniform(math.log(16), math.log(0.7 * min(h, w)))))
        col = tuple(int(v) for v in rng.randint(0, 256, 3))
        t = rng.randint(0, 3)
        sh = (0, 0, 0, 70)
        if t == 0:
            d.ellipse([cx - r + 8, cy - r + 10, cx + r + 8, cy + r + 10], fill=sh)
            d.ellipse([cx - r, cy - r, cx + r, cy + r], fill=col + (255,))
            d.ellipse([cx - r // 2, cy - r // 2, cx, cy], fill=(255, 255, 255, 60))
        else:
            m = rng.randint(3, 8)
            a0 = rng.rand() * 6.28
            p = [(cx + r * (0.6 + 0.4 * rng.rand()) * math.cos(a0 + 6.2832 * i / m),
                  cy + r * (0.6 + 0.4 * rng.rand()) * math.sin(a0 + 6.2832 * i / m)) for i in range(m)]
            d.polygon([(x + 8, y + 10) for x, y in p], fill=sh)
            d.polygon(p, fill=col + (255,))
            if t == 2:
                d.line(p + [p[0]], fill=tuple(255 - c for c in col) + (255,), width=max(2, r // 12))
    return np.asarray(im.resize((w, h), Image.LANCZOS))


CASES = {  # name -> (list of (h, w, seed)), MaskRCNN kwargs)
    "a_480x640_default": ([(480, 640, 7)], {}),
    "b_240x320_min256": ([(240, 320, 11)], dict(min_size=256, max_size=426)),
    "c_batch2_mixed": ([(300, 200, 5), (180, 350, 6)], dict(min_size=224, max_size=384)),
}


def image_files():
    for name, (imgs, _) in CASES.items():
        for h, w, s in imgs:
            Image.fromarray(photo(h, w, s)).save(f"{OUT}photo_{h}x{w}_{s}.png", optimize=True)


def load_case(name):
    return [torch.from_numpy(np.asarray(Image.open(f"{OUT}photo_{h}x{w}_{s}.png")).copy()).permute(2, 0, 1).float() / 255
            for h, w, s in CASES[name][0]]


# ------------------------------------------------------------------------ calibration
def build(**kw):
    m = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, **kw)
    # without weights torchvision >= 0.13 uses BatchNorm2d; COCO checkpoints use FrozenBatchNorm2d
    def swap(mod):
        for n, c in mod.named_children():
            if isinstance(c, nn.BatchNorm2d):
                setattr(mod, n, FrozenBatchNorm2d(c.num_features))   # eps 1e-5
            else:
                swap(c)
    swap(m)
    return m.eval()


CLS_STD, BACKGROUND = 1.9, 12.0   # spread of the class logits; bonus of the background logit (fewer detections)
f16 = lambda t: t.half().float()

TARGET = {  # output std of the layers that are not followed by a norm
    # coarser levels get larger activations, otherwise the extreme values of the 163 200 P2
    # anchors win all of the 1000 proposals
    "backbone.fpn.layer_blocks.0.0": 1.0, "backbone.fpn.layer_blocks.1.0": 1.35,
    "backbone.fpn.layer_blocks.2.0": 2.0, "backbone.fpn.layer_blocks.3.0": 3.0,
    "rpn.head.cls_logits": 1.5, "rpn.head.bbox_pred": 0.25,
    "roi_heads.box_predictor.cls_score": CLS_STD, "roi_heads.box_predictor.bbox_pred": 0.9,
    "roi_heads.mask_predictor.mask_fcn_logits": 2.5,
}
BIAS_SHIFT = {"rpn.head.cls_logits": -1.0, "roi_heads.mask_predictor.mask_fcn_logits": 0.4}


def calibrate():
    m = build()
    scales, vecs, done = {}, {}, set()

    def conv_hook(name, mod, inp, out):
        if name in done:
            return None
        done.add(name)
        dim = [0, 2, 3] if out.dim() == 4 else [0]
        fan = mod.weight[0].numel() if not isinstance(mod, nn.ConvTranspose2d) else mod.weight.shape[0]
        s0 = math.sqrt(3.0 / fan)
        tgt = TARGET.get(name, 1.0)
        def fwd():
            if isinstance(mod, nn.ConvTranspose2d):
                return nn.functional.conv_transpose2d(inp[0], mod.weight, None, mod.stride)
            if isinstance(mod, nn.Linear):
                return nn.functional.linear(inp[0], mod.weight)
            return nn.functional.conv2d(inp[0], mod.weight, None, mod.stride, mod.padding)
        mod.weight.data = random(name + ".weight", mod.weight.shape, s0)
        o = fwd()
        # spatial / across-RoI std, per channel mean removed
        std = (o - o.mean(dim=dim, keepdim=True)).std().item()
        sc = float(np.float32(s0 * tgt / std))
        scales[name + ".weight"] = sc
        mod.weight.data = random(name + ".weight", mod.weight.shape, sc)
        o = fwd()
        if mod.bias is not None:
            b = -o.mean(dim=dim) + BIAS_SHIFT.get(name, 0.0)
            if name.endswith("cls_score"):
                b[0] += BACKGROUND
            b = f16(b)
            mod.bias.data = b
            vecs[name + ".bias"] = b
            o = o + b.reshape([1, -1] + [1] * (o.dim() - 2))
        print(f"{name:55s} std {std:.3f} scale {sc:.6f}", flush=True)
        return o

    def bn_hook(name, mod, inp, out):
        x = inp[0]
        mod.running_mean = f16(x.mean(dim=[0, 2, 3]))
        mod.running_var = f16(x.var(dim=[0, 2, 3]).clamp(min=1e-3))
        last = name.endswith("bn3")
        mod.weight = random(name + ".weight", mod.weight.shape, 0.0625 if last else 0.125) + (0.25 if last else 1.0)
        mod.bias = random(name + ".bias", mod.bias.shape, 0.125)
        vecs[name + ".running_mean"], vecs[name + ".running_var"] = mod.running_mean, mod.running_var
        s = mod.weight * (mod.running_var + mod.eps).rsqrt()
        return x * s.reshape(1, -1, 1, 1) + (mod.bias - mod.running_mean * s).reshape(1, -1, 1, 1)

    for n, mod in m.named_modules():
        if isinstance(mod, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            mod.register_forward_hook(lambda mo, i, o, n=n: conv_hook(n, mo, i, o))
        elif isinstance(mod, FrozenBatchNorm2d):
            mod.register_forward_hook(lambda mo, i, o, n=n: bn_hook(n, mo, i, o))
    x = load_case("a_480x640_default")
    with torch.no_grad():
        m(x)
    json.dump({"scales": scales, "bn_weight": "u*0.125+1 (bn3: u*0.0625+0.25)", "bn_bias": "u*0.125", "eps": 1e-5},
              open(OUT + "calib.json", "w"), indent=1)
    write_safetensors(OUT + "calib.safetensors", {k: v.half() for k, v in vecs.items()})


def write_safetensors(path, tensors):
    hdr, off, blobs = {}, 0, []
    for k, t in tensors.items():
        b = t.contiguous().numpy().tobytes()
        dt = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}[t.dtype]
        hdr[k] = {"dtype": dt, "shape": list(t.shape), "data_offsets": [off, off + len(b)]}
        off += len(b); blobs.append(b)
    h = json.dumps(hdr).encode(); h += b" " * (-len(h) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(h))); f.write(h)
        for b in blobs:
            f.write(b)


def read_safetensors(path):
    d = open(path, "rb").read()
    n, = struct.unpack("<Q", d[:8]); h = json.loads(d[8:8 + n])
    return {k: torch.from_numpy(np.frombuffer(d[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]],
            {"F16": np.float16, "F32": np.float32, "I64": np.int64}[v["dtype"]]).reshape(v["shape"]).copy())
            for k, v in h.items()}


def golden_model(**kw):
    c = json.load(open(OUT + "calib.json"))["scales"]
    v = {k: t.float() for k, t in read_safetensors(OUT + "calib.safetensors").items()}
    m = build(**kw)
    sd = m.state_dict()
    new = {}
    for k, t in sd.items():
        if k in c:
            new[k] = random(k, tuple(t.shape), c[k])
        elif k in v:
            new[k] = v[k]
        elif k.endswith(".weight"):                      # BN weight
            new[k] = random(k, tuple(t.shape), 0.0625) + 0.25 if ".bn3." in k else random(k, tuple(t.shape), 0.125) + 1.0
        elif k.endswith(".bias"):
            new[k] = random(k, tuple(t.shape), 0.125)
        else:
            raise KeyError(k)
    m.load_state_dict(new, strict=True)
    return m.eval()


# ------------------------------------------------------------------------------ run
def sample_idx(n, k=64):
    return (np.arange(k, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) % np.uint64(n)).astype(np.int64)


def run_case(m, name, imgs, record=True):
    kw = CASES[name][1]
    m.transform.min_size = (kw.get("min_size", 800),); m.transform.max_size = kw.get("max_size", 1333)
    stages, hs = {}, []

    def rec(key):
        def f(mod, i, o):
            ts = list(o.values()) if isinstance(o, dict) else [o]
            for j, t in enumerate(ts):
                k = key + (f".{j}" if len(ts) > 1 else "")
                while k in stages:
                    k += "'"
                a = t.contiguous().flatten().numpy()
                stages[k] = dict(shape=list(t.shape), mean=float(a.mean(dtype=np.float64)), std=float(a.std(dtype=np.float64)),
                                 samples=[float(x) for x in a[sample_idx(len(a))]])
        return f
    if record:
        for n in ["backbone.body.bn1", "backbone.body.maxpool", "backbone.body.layer1", "backbone.body.layer2",
                  "backbone.body.layer3", "backbone.body.layer4", "backbone", "rpn.head.cls_logits", "rpn.head.bbox_pred",
                  "roi_heads.box_roi_pool", "roi_heads.box_head", "roi_heads.box_predictor.cls_score",
                  "roi_heads.box_predictor.bbox_pred", "roi_heads.mask_roi_pool", "roi_heads.mask_head",
                  "roi_heads.mask_predictor"]:
            hs.append(m.get_submodule(n).register_forward_hook(rec(n)))
        props = {}
        hs.append(m.rpn.register_forward_hook(lambda mo, i, o: props.update(p=o[0], sizes=i[0].image_sizes,
                                                                           batch=list(i[0].tensors.shape))))
    with torch.no_grad():
        out = m(imgs)
    for h in hs:
        h.remove()
    return out, stages, (props if record else None)


def fpn_level(b):
    s = torch.sqrt((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]))
    return torch.clamp(torch.floor(4 + torch.log2(s / 224) + 1e-6), 2, 5).long()


def describe(name, out, props):
    for i, (d, p) in enumerate(zip(out, props["p"])):
        r = props["sizes"][i][0] / CASES[name][0][i][0]
        lv = fpn_level(d["boxes"] * r); pl = fpn_level(p)
        print(f"{name}[{i}] net {props['batch']} size {props['sizes'][i]} proposals {len(p)} "
              f"levels {[int((pl == k).sum()) for k in range(2, 6)]}  detections {len(d['boxes'])} "
              f"classes {len(d['labels'].unique())} levels {[int((lv == k).sum()) for k in range(2, 6)]} "
              f"scores {d['scores'].max():.3f}..{d['scores'].min():.3f}" if len(d["boxes"]) else f"{name}: none")


def run():
    m = golden_model()
    for name in CASES:
        imgs = load_case(name)
        t = time.time()
        out, stages, props = run_case(m, name, imgs)
        describe(name, out, props)
        js = dict(case=name, images=[f"photo_{h}x{w}_{s}.png" for h, w, s in CASES[name][0]], kwargs=CASES[name][1],
                  torch=torch.__version__, torchvision=torchvision.__version__, net_shape=props["batch"],
                  image_sizes=[list(s) for s in props["sizes"]], stages=stages, detections=[])
        arr = {}
        for i, d in enumerate(out):
            b = (d["masks"][:, 0] >= 0.5)
            js["detections"].append(dict(boxes=d["boxes"].tolist(), labels=d["labels"].tolist(), scores=d["scores"].tolist(),
                                         mask_area=b.flatten(1).sum(1).tolist(), mask_sum=d["masks"].flatten(1).double().sum(1).tolist()))
            arr[f"proposals{i}"] = props["p"][i].numpy()
            arr[f"masks{i}"] = np.packbits(b.numpy().reshape(len(b), -1), axis=1)
        json.dump(js, open(f"{OUT}{name}.json", "w"))
        np.savez_compressed(f"{OUT}{name}.npz", **arr)
        print("   seconds", round(time.time() - t, 1), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    cmd = sys.argv[1]
    if cmd == "calib":
        image_files(); calibrate()
    elif cmd == "run":
        run()
    elif cmd == "pth":
        torch.save(golden_model().state_dict(), "golden_maskrcnn_r50.pth")
