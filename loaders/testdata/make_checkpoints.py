#!/usr/bin/env python3
"""Writes the checkpoints beside this file, and golden.json: what torch.load and safetensors
read from them.

    python make_checkpoints.py        (torch 2.15, safetensors 0.8, numpy 2.4)

golden.json has, per file, "tensors": [{key, dtype, shape, hex of the elements in C order}] with
dotted keys in the order of the file, "ignored": the dotted keys of all other values, and
"versions": those of _metadata by module path.
"""
import collections, json, os, struct, zipfile

import numpy as np
import torch
from torch import nn
from safetensors import safe_open
from safetensors.torch import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.manual_seed(7)


def net():
    return nn.Sequential(collections.OrderedDict(
        conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), head=nn.Sequential(nn.ReLU(), nn.Linear(4, 2))))


SPECIAL = [0.0, -0.0, 1.0, -1.0, float("inf"), float("-inf"), float("nan"), 6e-8, 6.1e-5, 65504.0, 0.1, -3.25]


def module_with_optimizer():
    m = nn.Linear(3, 2)
    o = torch.optim.Adam(m.parameters(), lr=0.01)
    m(torch.ones(1, 3)).sum().backward()
    o.step()
    return m, o


def tensors(root):
    """Dotted tensors, dotted others and versions of a loaded object."""
    found, ignored, versions = [], [], {}

    def walk(v, path):
        key = ".".join(path)
        if isinstance(v, torch.Tensor):
            found.append((key, v))
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


READABLE = {torch.float32, torch.float16, torch.bfloat16, torch.float64,
            torch.int64, torch.int32, torch.uint8, torch.bool, torch.int8, torch.int16, torch.uint16,
            torch.uint32, torch.uint64, torch.complex64, torch.complex128}


def row(key, t):
    name = str(t.dtype).removeprefix("torch.")
    if t.dtype not in READABLE:
        return dict(key=key, dtype=name, shape=list(t.shape), unreadable=True)
    b = t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""
    return dict(key=key, dtype=name, shape=list(t.shape), hex=b.hex())


golden = {}


def record(name, root=None):
    if root is None:  # weights_only=True reads protocol 2 only
        root = torch.load(name, weights_only=not name.startswith(("protocol", "nested")))
    found, ignored, versions = tensors(root)
    golden[name] = dict(tensors=[row(k, t) for k, t in found], ignored=ignored, versions=versions)


def save(name, value, **kw):
    torch.save(value, name, **kw)
    record(name)


m = net()
save("plain.pth", m.state_dict())
save("half.pth", net().half().state_dict())
save("special_f16.pth", {"x": torch.tensor(SPECIAL, dtype=torch.float16)})
save("special_bf16.pth", {"x": torch.tensor(SPECIAL, dtype=torch.bfloat16)})
save("protocol4.pth", m.state_dict(), pickle_protocol=4)
save("protocol1.pth", m.state_dict(), pickle_protocol=1)

save("types.pth", {
    "f32": torch.tensor(SPECIAL), "f64": torch.tensor(SPECIAL, dtype=torch.float64),
    "i64": torch.tensor([-2**63, -1, 0, 2**63 - 1]), "i32": torch.tensor([-2**31, 2**31 - 1], dtype=torch.int32),
    "u8": torch.arange(256, dtype=torch.uint8), "bool": torch.tensor([[True, False, True]]),
    "i8": torch.tensor([-128, 127], dtype=torch.int8), "i16": torch.tensor([1, 2], dtype=torch.int16),
    "u16": torch.tensor([1, 65535], dtype=torch.uint16), "c64": torch.tensor([1 + 2j]),
    "f8": torch.ones(2).to(torch.float8_e4m3fn), "last": torch.ones(1)})

shared = torch.randn(6, 4)
save("tied.pth", {"embedding.weight": shared, "decoder.weight": shared, "row": shared[2],
                  "tail": shared.flatten()[20:]})

base = torch.arange(120, dtype=torch.float32).reshape(2, 3, 4, 5)
save("views.pth", {
    "channels_last": base.contiguous(memory_format=torch.channels_last), "transpose": base[0, 0].t(),
    "permute": base.permute(3, 1, 0, 2), "slice": base[:, 1:, ::2, 1:4], "column": base[:, :, :, 2],
    "diagonal": torch.diagonal(base[0, 0]), "expand": torch.tensor([[1.0], [2.0]]).expand(2, 5),
    "ones": torch.ones(1, 1).expand(3, 4), "axis_of_one": base[:, :1].transpose(1, 2), "offset": base.flatten()[7:11],
    "f16": base.half().permute(3, 2, 1, 0), "u8": base.to(torch.uint8).permute(2, 0, 3, 1),
    "f64": base.double().permute(1, 3, 2, 0), "i64": base.long().transpose(0, 3), "bool": (base > 50).transpose(0, 3)})

save("small.pth", {
    "scalar": torch.tensor(2.5), "scalar_view": torch.arange(4.0)[2], "count": torch.tensor(42),
    "empty": torch.empty(0), "empty2": torch.empty(3, 0, 2), "empty_view": torch.arange(6.0)[6:],
    "flag": torch.tensor(True)})

wrapped, optimizer = module_with_optimizer()
save("nested.pth", {
    "model": wrapped.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": np.float64(0.5),
    "args": {"lr": 0.1, "name": "five", "sizes": (1, 2, {"deep": torch.ones(2)}), "flags": [True, None, 1 << 70]},
    "counter": collections.Counter("aab"), "set": {1, 2}, "bytes": b"\x00\xff", "array": bytearray(b"ab"),
    "size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float16, "complex": 1 + 2j,
    (1, 2): torch.ones(1)} | {7: torch.zeros(2)})
g = golden["nested.pth"]  # a key that is neither string nor number cannot be dotted
moved = [t for t in g["tensors"] if t["key"] == "(1, 2)"]
g["tensors"] = [t for t in g["tensors"] if t["key"] != "(1, 2)"]
assert len(moved) == 1
g["ignored"].append("?")

attributes = torch.arange(3.0)
attributes.note = "with an attribute"
save("parameters.pth", {"parameter": nn.Parameter(torch.arange(4.0)), "buffer": torch.nn.Buffer(torch.ones(2)),
                        "list": list(nn.ParameterList([nn.Parameter(torch.ones(2))])), "attributes": attributes})
save("module_prefix.pth", nn.DataParallel(wrapped).state_dict())
save("tensor.pth", torch.arange(5.0))
save("list.pth", [torch.arange(2.0), {"a": torch.arange(3.0)}])

torch.serialization.set_crc32_options(False)
save("no_crc.pth", m.state_dict())
torch.serialization.set_crc32_options(True)


def rezip(src, dst, method=zipfile.ZIP_STORED, rename=lambda n: n):
    with zipfile.ZipFile(src) as a, zipfile.ZipFile(dst, "w", method) as b:
        for i in a.infolist():
            n = zipfile.ZipInfo(rename(i.filename))
            n.compress_type = method
            b.writestr(n, a.read(i))


rezip("plain.pth", "deflated.pth", zipfile.ZIP_DEFLATED)
golden["deflated.pth"] = golden["plain.pth"]
rezip("plain.pth", "unaligned.pth", rename=lambda n: n.replace("plain/", "another name/"))
golden["unaligned.pth"] = golden["plain.pth"]
record("unaligned.pth")


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run > /tmp/argand_evil",)


torch.save({"a": torch.ones(1), "evil": Evil()}, "evil.pth")
torch.save(wrapped, "whole_module.pth")
torch.save(m.state_dict(), "legacy.pth", _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.trace(wrapped, torch.ones(1, 3)), "script.pth")

unreadable = {
    "sparse": torch.eye(2).to_sparse(), "meta": torch.empty(2, device="meta"),
    "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
    "negative": torch.tensor([1 + 2j]).conj().imag, "fine": torch.ones(2)}
torch.save(unreadable, "unreadable.pth")

st = {k: v.contiguous() for k, v in m.state_dict().items()} | {
    "f16": torch.tensor(SPECIAL, dtype=torch.float16), "bf16": torch.tensor(SPECIAL, dtype=torch.bfloat16),
    "f64": torch.tensor([0.1], dtype=torch.float64), "i32": torch.tensor([-1, 5], dtype=torch.int32),
    "u8": torch.arange(3, dtype=torch.uint8), "bool": torch.tensor([True, False]), "scalar": torch.tensor(1.5),
    "empty": torch.empty(0, 3), "i16": torch.tensor([1], dtype=torch.int16)}
save_file(st, "plain.safetensors", metadata={"format": "pt", "note": "made by make_checkpoints.py"})
with open("plain.safetensors", "rb") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    order = [k for k in json.loads(f.read(n)) if k != "__metadata__"]
with safe_open("plain.safetensors", "pt") as f:
    record("plain.safetensors", {k: f.get_tensor(k) for k in order})

json.dump(golden, open("golden.json", "w"), indent=0)
print({n: os.path.getsize(n) for n in sorted(os.listdir("."))})
