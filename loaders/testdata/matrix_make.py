#!/usr/bin/env python3
"""Writes the files of matrix/ beside this file with real torch, and matrix.json: what torch reads
from them.

    python matrix_make.py            (torch 2.15, safetensors 0.8, numpy 2.4)

Files are named FORMAT_CASE: zip (torch.save since 1.6), nocrc, deflated (the same archive
compressed by Python), legacy (_use_new_zipfile_serialization=False), safe (safetensors), with
pN for pickle protocol N. matrix.json has, per file, "tensors": [{key, dtype, shape, hex of the
elements of .contiguous()}] with dotted keys in the order of the file, "ignored": the dotted keys
of all other values, "versions": those of _metadata by module path, and "inert" for files that
name classes of modules, whose tensors are then those of module.state_dict().

Legacy files of whole modules name the source files of their classes; in the committed ones those
paths were replaced by others of the same length.
"""
import argparse, collections, io, json, os, pickle, shutil, struct, zipfile

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

os.chdir(os.path.dirname(os.path.abspath(__file__)))
shutil.rmtree("matrix", ignore_errors=True)
os.mkdir("matrix")
torch.manual_seed(3)

TYPES = ["float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool",
         "complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"]


def of(dtype, *shape):
    """A tensor of all kinds of bits, NaN and -0 among them."""
    dtype, n = getattr(torch, dtype), int(np.prod(shape))
    if dtype == torch.bool:
        return (torch.arange(n) % 3 == 0).reshape(shape)
    raw = torch.tensor([(71 * i + 13) % 256 for i in range(n * dtype.itemsize)], dtype=torch.uint8)
    return raw.view(dtype).reshape(shape)


def bits(t):
    return t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""


def tensors(root):
    """Dotted tensors, dotted others and versions of a loaded object."""
    found, ignored, versions = [], [], {}

    def walk(v, path):
        key = ".".join(path)
        if isinstance(v, torch.Tensor):
            found.append((key, v))
        elif isinstance(v, nn.Module):
            walk(v.state_dict(), path)
        elif isinstance(v, dict) and not isinstance(v, collections.Counter):
            for module, local in getattr(v, "_metadata", {}).items():
                if "version" in local:
                    versions[".".join(p for p in path + [module] if p)] = local["version"]
            for k, x in v.items():
                walk(x, path + [str(k)])
        elif isinstance(v, (list, tuple)) and not isinstance(v, torch.Size):
            for i, x in enumerate(v):
                walk(x, path + [str(i)])
        else:
            ignored.append(key)

    walk(root, [])
    return found, ignored, versions


golden = {}


def record(name, root, inert=False):
    found, ignored, versions = tensors(root)
    golden[name] = dict(
        tensors=[dict(key=k, dtype=str(t.dtype).removeprefix("torch."), shape=list(t.shape), hex=bits(t).hex())
                 for k, t in found], ignored=ignored, versions=versions)
    if inert:
        golden[name]["inert"] = True


def save(case, value, formats="zip legacy", protocol=2, inert=False):
    for f in formats.split():
        name = f"{f}_{case}.pth"
        path = os.path.join("matrix", name)
        torch.serialization.set_crc32_options(f != "nocrc")
        torch.save(value, path, _use_new_zipfile_serialization=f != "legacy", pickle_protocol=protocol)
        torch.serialization.set_crc32_options(True)
        if f == "deflated":
            with zipfile.ZipFile(path) as z:
                parts = [(i.filename, z.read(i)) for i in z.infolist()]
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
                for n, b in parts:
                    z.writestr(zipfile.ZipInfo(n), b, zipfile.ZIP_DEFLATED)
        record(name, torch.load(path, weights_only=False), inert)


def safe(case, value, metadata=None):
    name = f"safe_{case}.safetensors"
    path = os.path.join("matrix", name)
    save_file(value, path, metadata)
    with open(path, "rb") as f:
        order = [k for k in json.loads(f.read(struct.unpack("<Q", f.read(8))[0])) if k != "__metadata__"]
    with safe_open(path, "pt") as f:
        record(name, {k: f.get_tensor(k) for k in order})


# Types: contiguous, a scalar, an empty one and a transposed view of each.
for d in TYPES:
    x = of(d, 3, 5)
    value = {"w": x, "scalar": of(d), "empty": of(d, 0, 2), "view": x.t(), "row": x[1, 1:4]}
    # Those over plain bytes are written by torch to legacy files that it cannot load.
    plain = d.startswith(("uint", "float8")) and d != "uint8"
    save(d, value, "zip" if plain else "zip legacy")
    if d not in ("complex128",):  # which safetensors does not have
        safe(d, {"w": x, "scalar": of(d), "empty": of(d, 0, 2)})
save("types", {d: of(d, 2) for d in TYPES}, "nocrc deflated")

# Views.
base = torch.arange(120, dtype=torch.float32).reshape(2, 3, 4, 5)
views = {
    "transpose": base[0, 0].t(), "permute": base.permute(3, 1, 0, 2), "steps": base[:, 1:, ::2, 1:4],
    "column": base[:, :, :, 2], "diagonal": torch.diagonal(base[0, 0]), "expand": base[0, 0, :, :1].expand(4, 6),
    "channels_last": base.contiguous(memory_format=torch.channels_last),
    "channels_last_3d": base[None].contiguous(memory_format=torch.channels_last_3d),
    "offset": base.flatten()[7:11], "windows": base.flatten().unfold(0, 6, 3), "one": base.flatten()[119],
    "half": base.half().permute(3, 2, 1, 0), "bytes": base.to(torch.uint8).permute(2, 0, 3, 1),
    "double": base.double().permute(1, 3, 2, 0), "flags": (base > 50).transpose(0, 3),
    "scalar_expanded": torch.tensor(3.0).expand(2, 2), "none_of_many": base[:, :0, ::2],
    "strides_of_ones": base[:, :1].transpose(1, 2), "reinterpreted": base.view(torch.int32)[0, 0, 1:3]}
for name, v in views.items():
    save("view_" + name, {"v": v})
save("view_all", {k: v for k, v in views.items() if k != "reinterpreted"}, "zip legacy nocrc deflated")
save("shared", {"embedding": base, "decoder": base, "row": base[1, 2], "tail": base.flatten()[100:], "t": base.t()
                if base.dim() == 2 else base.transpose(0, 3)}, "zip legacy nocrc deflated")


# Wrappers.
def net():
    return nn.Sequential(collections.OrderedDict(
        conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), head=nn.Sequential(nn.ReLU(), nn.Linear(4, 2))))


def trained():
    m = nn.Linear(3, 2)
    o = torch.optim.Adam(m.parameters(), lr=0.01)
    m(torch.ones(1, 3)).sum().backward()
    o.step()
    return m, o


model = net()
m, optimizer = trained()
grads = torch.arange(3.0)
grads.requires_grad_()
noted = torch.arange(3.0)
noted.note = "with an attribute"
wrappers = {
    "state_dict": model.state_dict(), "data_parallel": nn.DataParallel(m).state_dict(),
    "checkpoint": {"model": m.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": np.float64(0.5)},
    "namespace": {"args": argparse.Namespace(lr=0.1, layers=[1, 2]), "w": torch.ones(2)},
    "list": [torch.ones(1), {"a": torch.ones(2)}, (torch.ones(3), "text", None)],
    "bare": torch.arange(5.0), "parameter": {"p": nn.Parameter(torch.arange(4.0)), "r": grads, "n": noted},
    "parameter_bare": nn.Parameter(torch.arange(4.0)), "buffer": {"b": nn.Buffer(torch.ones(2))},
    "numpy": {"f": np.float32(1.5), "i": np.int64(3), "b": np.bool_(True), "w": torch.ones(1)},
    "plain_values": {"i": 1 << 40, "big": 1 << 70, "neg": -5, "f": 0.25, "s": "größe", "b": b"\x00\xff", "n": None,
                     "t": True, "size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float16,
                     "set": {1}, "complex": 1 + 2j, "w": torch.ones(1)},
    "ordered": collections.OrderedDict(z=torch.ones(1), a=torch.zeros(1)), "counter": {
        "c": collections.Counter("aab"), "w": torch.ones(1)},
    "deep": {"a": {"b": {"c": [[{"d": torch.ones(1)}]]}}}, "numbered": {0: torch.ones(1), 7: {1: torch.ones(2)}},
    "empty": {}, "unicode": {"größe.数": torch.ones(1), "": torch.zeros(1)}}
for name, v in wrappers.items():
    save(name, v)
safe("metadata", {"w": torch.ones(2)}, {"format": "pt"})
safe("nothing", {})

# Protocols.
for p in 2, 3, 4, 5:
    both = {"model": model.state_dict(), "shared": [base, base[0]], "epoch": 3, "name": "x" * 300, "text": b"bytes"}
    save(f"p{p}", both, protocol=p)

# Modules that were pickled whole. The old format also keeps the sources of their classes.
save("module_linear", nn.Linear(3, 2), inert=True)
save("module_net", net(), inert=True)
save("module_nested", {"model": net(), "epoch": 1}, inert=True)
quiet = nn.BatchNorm1d(2)
quiet.register_buffer("temporary", torch.ones(3), persistent=False)
save("module_not_persistent", quiet, inert=True)

with open("matrix.json", "w") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}"
                               for k, v in sorted(golden.items())) + "\n}\n")
print(len(golden), "files,", sum(os.path.getsize(os.path.join("matrix", n)) for n in golden), "bytes")
