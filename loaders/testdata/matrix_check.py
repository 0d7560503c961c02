#!/usr/bin/env python3
"""Holds what this package writes against torch and safetensors.

    go test -run TestWrittenFiles ./loaders -written DIR
    python loaders/testdata/matrix_check.py DIR        (torch 2.15, safetensors 0.8)

Reads every file that the test wrote to DIR in all ways that torch has, compares it bit for bit with
matrix_cases.json, and writes matrix_written.json beside this file: the SHA-256 of each file that
passed, which the test compares with what it writes.
"""
import collections, hashlib, json, os, sys, zipfile

import torch
from safetensors.torch import load_file, save_file

here = os.path.dirname(os.path.abspath(__file__))
cases = json.load(open(os.path.join(here, "matrix_cases.json")))
directory = sys.argv[1]


def pattern(dtype, number, count):
    if dtype == torch.bool:
        return bytes(int(n % 3 == number % 3) for n in range(count))
    return bytes((37 * n + 11 * number + n // 251) % 256 for n in range(count * dtype.itemsize))


def expected(case):
    """The tensors of a case, views of one another where they share memory."""
    made = {}
    for number, t in enumerate(case["tensors"]):
        dtype, count = getattr(torch, t["dtype"]), 1
        for d in t["shape"]:
            count *= d
        if "of" in t:
            made[t["key"]] = made[t["of"]].flatten()[t["at"]:t["at"] + count].view(t["shape"])
            assert made[t["key"]].dtype == dtype
        elif count:
            flat = torch.frombuffer(bytearray(pattern(dtype, number, count)), dtype=torch.uint8)
            made[t["key"]] = flat.view(dtype).view(t["shape"])
        else:
            made[t["key"]] = torch.empty(t["shape"], dtype=dtype)
    return {k: t for k, t in made.items() if not k.startswith("-")}


def bits(t):
    return t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""


def same(got, want, name):
    assert set(got) == set(want), name
    for k, w in want.items():
        g = got[k]
        assert (g.dtype, g.shape, g.stride()) == (w.dtype, w.shape, w.contiguous().stride()), (name, k)
        assert not g.requires_grad and bits(g) == bits(w), (name, k)


def overlap(a, b):
    return a.data_ptr() < b.data_ptr() + b.nbytes and b.data_ptr() < a.data_ptr() + a.nbytes


verified = {}
for case in cases:
    want, name = expected(case), case["name"]
    torch_file = os.path.join(directory, name + ".pth")
    for how in dict(weights_only=True), dict(weights_only=True, mmap=True), dict(weights_only=False):
        got = torch.load(torch_file, **how)
        assert type(got) is collections.OrderedDict and list(got) == list(want), name
        same(got, want, name)
        if len(want) < 20:
            for a in want:
                for b in want:
                    assert overlap(got[a], got[b]) == overlap(want[a], want[b]), (name, a, b)
        if "versions" in case:
            assert {k: v["version"] for k, v in got._metadata.items()} == {
                k: v for k, v in case["versions"].items() if k != "unused"}, name
        else:
            assert not hasattr(got, "_metadata"), name
    with zipfile.ZipFile(torch_file) as z:
        assert z.testzip() is None and len(set(z.namelist())) == len(z.namelist()), name
        storages = [i for i in z.infolist() if i.filename.startswith("archive/data/")]
        with open(torch_file, "rb") as f:
            for i in storages:
                f.seek(i.header_offset + 26)
                lengths = f.read(4)
                begin = i.header_offset + 30 + int.from_bytes(lengths[:2], "little")
                begin += int.from_bytes(lengths[2:], "little")
                f.seek(begin)
                assert begin % 64 == 0 and f.read(i.file_size) == z.read(i), (name, i)
        covered = set()
        for t in want.values():
            covered.update(range(t.data_ptr(), t.data_ptr() + t.nbytes))
        assert sum(i.file_size for i in storages) == len(covered), (name, "memory is written twice, or not shared")

    verified[name + ".pth"] = hashlib.sha256(open(torch_file, "rb").read()).hexdigest()
    if case.get("torch"):
        continue
    safe_file = os.path.join(directory, name + ".safetensors")
    same(load_file(safe_file), want, name)
    save_file({k: t.clone() for k, t in want.items()}, "own.safetensors", case.get("metadata", {"format": "pt"}))
    with open("own.safetensors", "rb") as own, open(safe_file, "rb") as f:
        assert own.read() == f.read(), (name, "not the bytes that safetensors writes")
    os.remove("own.safetensors")
    verified[name + ".safetensors"] = hashlib.sha256(open(safe_file, "rb").read()).hexdigest()

with open(os.path.join(here, "matrix_written.json"), "w") as f:
    json.dump(verified, f, indent=0)
    f.write("\n")
print(len(verified), "files verified with torch", torch.__version__)
