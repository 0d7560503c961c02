#!/usr/bin/env python3
"""Writes digests.json beside this file: what torch and safetensors read from files of
loaders/testdata.

    python make_digests.py        (torch 2.15, safetensors 0.8)

It has, per file, a list of {key, dtype, shape, strides, bytes, digest} with dotted keys in the
order of the file; the digest is the SHA-256 of the elements in C order. strides are those of the
loaded tensor, absent for safetensors. Where tensors share a storage, shares_with is the key of
the first of them. Tensors of types that inspect cannot read have no digest.
"""
import hashlib, json, os

import torch
from safetensors import safe_open

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../loaders/testdata"))

TRUSTED = ["plain.pth", "nested.pth", "list.pth", "half.pth", "special_bf16.pth", "legacy.pth", "tied.pth",
           "views.pth", "types.pth", "tensor.pth", "parameters.pth", "module_prefix.pth", "deflated.pth",
           "matrix/legacy_view_flags.pth", "matrix/legacy_complex128.pth",
           "matrix/legacy_empty.pth"]
MODULES = ["whole_module.pth"]
SAFETENSORS = ["plain.safetensors"]
UNREADABLE = {torch.float8_e4m3fn}


def leaves(v, path=()):
    """Key parts and tensors of nested dicts and lists."""
    if isinstance(v, torch.Tensor):
        yield path, v
    elif isinstance(v, dict):
        for k, x in v.items():
            if isinstance(k, tuple):
                continue  # nested.pth has one, which no dotted key can name
            yield from leaves(x, path + (str(k),))
    elif isinstance(v, (list, tuple)):
        for i, x in enumerate(v):
            yield from leaves(x, path + (str(i),))


def row(key, t, strides=True):
    r = dict(key=key, dtype=str(t.dtype).removeprefix("torch."), shape=list(t.shape))
    if strides:
        r["strides"] = list(t.stride())
    if t.dtype not in UNREADABLE:
        t = t.detach().resolve_conj().resolve_neg()
        b = t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""
        r["bytes"] = len(b)
        r["digest"] = hashlib.sha256(b).hexdigest()
    return r


def rows(found):
    first, out = {}, []
    for path, t in found:
        key = ".".join(path)
        r = row(key, t)
        place = t.untyped_storage().data_ptr()
        if place and place in first:
            r["shares_with"] = first[place]
        first.setdefault(place, key)
        out.append(r)
    return out


def main():
    out = {}
    for name in TRUSTED:
        out[name] = rows(leaves(torch.load(name, weights_only=name != "nested.pth")))
    for name in MODULES:
        out[name] = rows(leaves(torch.load(name, weights_only=False).state_dict()))
    for name in SAFETENSORS:
        with safe_open(name, "pt") as f:
            out[name] = sorted((row(k, f.get_tensor(k), strides=False) for k in f.keys()), key=lambda r: r["key"])
    with open("../../cmd/argand/testdata/digests.json", "w") as f:
        text = ",\n".join(f"{json.dumps(n)}: [\n" + ",\n".join(" " + json.dumps(r) for r in rs) + "]"
                          for n, rs in out.items())
        f.write("{\n" + text + "\n}\n")


main()
