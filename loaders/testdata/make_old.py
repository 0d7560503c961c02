#!/usr/bin/env python3
"""Writes checkpoints in torch's older formats, whole modules, shards and NumPy values beside this
file, and old.json: what torch reads from them.

    python make_old.py        (torch 2.15, safetensors 0.8, numpy 2.4)

Nothing installable today writes the tar format of torch < 0.1.10, what Python 2 wrote, or a storage
that is a part of another: these are written here, following torch's own writers of the time
(torch/serialization.py of v0.1.9 and v0.3.1), and read by today's torch.load.

old.json has, per file, "format", "inert" if it names classes of modules, and as golden.json
"tensors" and "ignored"; a row has strides and the number of the storage, too.

Legacy files of whole modules name the source files of their classes; in the committed ones those
paths were replaced by others of the same length.
"""
import collections, io, json, os, pickle, struct, tarfile, warnings

import numpy as np
import torch
from torch import nn
from safetensors.torch import save_file

warnings.simplefilter("ignore")
os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.manual_seed(11)
golden = {}


def rows(found, strides=True):
    """Rows of dotted tensors."""
    storages, out = [], []

    def number(t):  # of the storage; what shares memory is one
        begin = t.untyped_storage().data_ptr()
        end = begin + t.untyped_storage().nbytes()
        for i, (b, e) in enumerate(storages):
            if begin < e and b < end:
                storages[i] = min(begin, b), max(end, e)
                return i
        storages.append((begin, end))
        return len(storages) - 1

    for key, t in found:
        b = t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""
        r = dict(key=key, dtype=str(t.dtype).removeprefix("torch."), shape=list(t.shape), hex=b.hex())
        if strides:
            r |= dict(strides=list(t.stride()), storage=number(t))
        out.append(r)
    return out


def walk(v, path=()):
    """Dotted tensors and dotted others of a loaded object."""
    key = ".".join(path)
    if isinstance(v, torch.Tensor):
        return [(key, v)], []
    if isinstance(v, np.ndarray) and v.dtype != object:
        return [(key, torch.from_numpy(v.astype(v.dtype.newbyteorder("="))))], []
    if isinstance(v, nn.Module):
        v = v.state_dict()
    if isinstance(v, dict):
        items = [(str(k), x) for k, x in v.items()]
    elif isinstance(v, (list, tuple)):
        items = [(str(i), x) for i, x in enumerate(v)]
    else:
        return [], [key]
    found, ignored = [], []
    for k, x in items:
        f, i = walk(x, path + (k,))
        found += f
        ignored += i
    return found, ignored


def record(name, fmt, inert=False, root=None, strides=True):
    if root is None:
        root = torch.load(name, weights_only=False)
    found, ignored = walk(root)
    golden[name] = dict(format=fmt, inert=inert, tensors=rows(found, strides), ignored=ignored)


class Python2(pickle._Pickler):
    """Writes protocol 2 as Python 2 did: strings of bytes, and an OrderedDict as a call with its items."""
    dispatch = pickle._Pickler.dispatch.copy()

    def save_str(self, s):
        b = s.encode("latin1")
        self.write(pickle.SHORT_BINSTRING + bytes([len(b)]) + b if len(b) < 256 else
                   pickle.BINSTRING + struct.pack("<i", len(b)) + b)
        self.memoize(s)

    dispatch[str] = save_str

    def reducer_override(self, o):
        if isinstance(o, collections.OrderedDict):
            state = dict(o.__dict__)
            return (collections.OrderedDict, ([[k, v] for k, v in o.items()],)) + ((state,) if state else ())
        return NotImplemented

    def save(self, o, save_persistent_id=True):
        if type(o) is collections.OrderedDict:  # reducer_override is asked for it, too, but only for C picklers
            pid = self.persistent_id(o)
            if pid is None and id(o) not in self.memo:
                return self.save_reduce(*self.reducer_override(o), obj=o)
        return super().save(o, save_persistent_id)

    def persistent_id(self, o):
        return None


def dump(o, f, pickler=Python2):
    pickler(f, 2).dump(o)


def storage_class(t):
    return getattr(torch, t.storage()._pickle_storage_type())


def raw(storage, width):
    b = bytes(storage.untyped())
    return struct.pack("<q", len(b) // width) + b


class Tensor:
    """A tensor as torch of that time pickled it, over a part of a storage."""

    def __init__(self, t, part=None):
        self.t, self.part = t, part

    def __reduce__(self):
        return (torch._utils._rebuild_tensor, (Storage(self.t, self.part), self.t.storage_offset(),
                                               tuple(self.t.size()), self.t.stride()))


class Storage:
    def __init__(self, t, part):
        self.t, self.part = t, part


def legacy(name, root, python=Python2):
    """torch.save of 0.1.10 to 1.5. A part (key, offset, count) is what storage views were."""
    storages = {}

    class P(python):
        def persistent_id(self, o):
            if not isinstance(o, Storage):
                return None
            s = o.t.storage()
            key = str(s.untyped().data_ptr())
            storages.setdefault(key, s)
            return ("storage", storage_class(o.t), key, "cpu", len(s), o.part)

    with open(name, "wb") as f:
        dump(0x1950A86A20F9469CFC6C, f)
        dump(1001, f)
        dump(dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=8)), f)
        P(f, 2).dump(root)
        keys = sorted(storages)
        dump(keys, f)
        for k in keys:
            f.write(raw(storages[k], storages[k].element_size()))


def tar(name, root, parts=()):
    """torch.save before 0.1.10. parts: (tensor, offset, count) share the storage of the tensor."""
    tensors, storages, views = {}, {}, []
    ids = {}

    def number(o):
        return ids.setdefault(o, 94000000000000 + 48 * len(ids))

    class P(Python2):
        def persistent_id(self, o):
            if isinstance(o, torch.Tensor):
                k = number(("t", id(o)))
                tensors[k] = o
                return str(k)
            return None

    def member(write, tar, name):
        f = io.BytesIO()
        write(f)
        i = tarfile.TarInfo(name)
        i.size = f.tell()
        f.seek(0)
        tar.addfile(i, f)

    def save_tensors(f):
        dump(len(tensors), f)
        for key, t in tensors.items():
            s = number(("s", t.untyped_storage().data_ptr()))
            of = next((p for p in parts if p[0] is t), None)
            if of:
                root_id, s = s, number(("v", id(t)))
                views.append((s, root_id, of[1], of[2]))
                storages[root_id] = t.storage()
            else:
                storages[s] = t.storage()
            dump((key, s, getattr(torch, type_name(t))), f)
            offset = t.storage_offset() - (of[1] if of else 0)
            f.write(struct.pack("<q", t.dim()) + struct.pack(f"<{t.dim()}q", *t.shape) +
                    struct.pack(f"<{t.dim()}q", *t.stride()) + struct.pack("<q", offset))

    def save_storages(f):
        dump(len(storages), f)
        for key, s in storages.items():
            dump((key, "cpu", getattr(torch, s._pickle_storage_type())), f)
            f.write(raw(s, s.element_size()))
        dump(views, f)

    with tarfile.open(name, "w:", format=tarfile.PAX_FORMAT) as t:
        member(lambda f: dump(dict(protocol_version=1000, little_endian=True), f), t, "sys_info")
        member(lambda f: P(f, 2).dump(root), t, "pickle")
        member(save_tensors, t, "tensors")
        member(save_storages, t, "storages")


def type_name(t):
    return {torch.float32: "FloatTensor", torch.float64: "DoubleTensor", torch.int64: "LongTensor",
            torch.uint8: "ByteTensor", torch.float16: "HalfTensor", torch.int16: "ShortTensor"}[t.dtype]


base = torch.arange(24, dtype=torch.float32)
sd = collections.OrderedDict([
    ("conv.weight", torch.randn(2, 3, 2, 2)), ("conv.bias", torch.randn(2)), ("tail", base[20:]),
    ("transposed", base.reshape(4, 6).t()), ("count", torch.tensor([3, -4])), ("bytes", torch.arange(5, dtype=torch.uint8)),
    ("f16", torch.tensor([1.5, -0.0, 6e-8], dtype=torch.float16)), ("i16", torch.tensor([[-5, 7]], dtype=torch.int16)),
    ("unaligned", torch.randn(3, dtype=torch.float64))])

tar("tar.pth", sd)
record("tar.pth", "torch tar")
tar("tar_nested.pth", {"epoch": 7, "state_dict": sd, "names": ["a", "b"]}, parts=[(sd["tail"], 16, 8)])
record("tar_nested.pth", "torch tar")

legacy("python2.pth", collections.OrderedDict((k, Tensor(t)) for k, t in sd.items()))
record("python2.pth", "torch legacy")
part = torch.arange(40, 52, dtype=torch.float32)
legacy("parts.pth", {"whole": Tensor(part), "part": Tensor(part[:2], ("part", 4, 6)),
                     "again": Tensor(part[1:3], ("part", 4, 6)), "sd": [Tensor(part), 5]})
record("parts.pth", "torch legacy")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1, bias=False)
        self.bn = nn.BatchNorm2d(3)
        self.register_buffer("hidden", torch.ones(2), persistent=False)
        self.register_buffer("table", torch.arange(3.0).expand(2, 3))
        self.register_buffer("nothing", None)
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(2)), nn.Parameter(torch.randn(1))])
        self.tied = self.weights[0]
        self.note = {"a": {1, 2}, "b": torch.ones(1)}


net = nn.Sequential(collections.OrderedDict(first=Block(), pool=nn.MaxPool2d(2), second=Block()))
for protocol in (2, 3, 4, 5):
    torch.save(net, f"net_p{protocol}.pth", pickle_protocol=protocol)
    record(f"net_p{protocol}.pth", "torch zip", inert=True)
torch.save({"epoch": 3, "model": net, "optimizer": torch.optim.SGD(net.parameters(), lr=0.1)}, "net_in_dict.pth")
record("net_in_dict.pth", "torch zip", inert=True)
torch.save(net, "net_legacy.pth", _use_new_zipfile_serialization=False)
record("net_legacy.pth", "torch legacy", inert=True)

arrays = {"f32": np.arange(6, dtype=np.float32).reshape(2, 3), "big": np.arange(3, dtype=">i4"),
          "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "c128": np.array([1 + 2j]), "bool": np.array([True, False]),
          "scalar0": np.array(2.5, dtype=np.float16), "empty": np.zeros((0, 3), dtype=np.int8),
          "objects": np.array([None, "a"], dtype=object)}
for protocol in (2, 4, 5):
    torch.save(arrays, f"numpy_p{protocol}.pth", pickle_protocol=protocol)
    record(f"numpy_p{protocol}.pth", "torch zip", strides=False)

shards = [{"a.weight": torch.randn(2, 2), "b": torch.arange(3)}, {"c": torch.randn(3).half(), "a.bias": torch.randn(2)}]
order = ["c", "a.weight", "b", "a.bias"]
merged = {k: next(s[k] for s in shards if k in s) for k in order}
for i, s in enumerate(shards):
    save_file(s, f"model-0000{i + 1}-of-00002.safetensors")
    torch.save(s, f"pytorch_model-0000{i + 1}-of-00002.bin")
for index, shard, fmt in [("model.safetensors.index.json", "model-{}.safetensors", "safetensors shards"),
                          ("pytorch_model.bin.index.json", "pytorch_model-{}.bin", "torch zip shards")]:
    which = {k: shard.format(f"0000{1 + (k in shards[1])}-of-00002") for k in order}
    json.dump({"metadata": {"total_size": 62}, "weight_map": which}, open(index, "w"), indent=2)
    record(index, fmt, root=merged, strides=False)

big = {"f32": torch.randn(3), "i64": torch.tensor([-2, 1 << 40]), "c64": torch.tensor([1 + 2j, -3j]), "u8": torch.arange(3, dtype=torch.uint8),
       "f16": torch.tensor([0.5, -2.0]).half().reshape(2, 1).expand(2, 3), "u16": torch.tensor([1, 65534], dtype=torch.uint16),
       "f64": torch.randn(2, 3, dtype=torch.float64).t()}
torch.save(big, "big.tmp")
import zipfile  # noqa: E402
with zipfile.ZipFile("big.tmp") as a, zipfile.ZipFile("bigendian.pth", "w") as b:
    parts = [4, 8, 4, 1, 2, 2, 8]
    for i in a.infolist():
        data = a.read(i)
        if i.filename.endswith("byteorder"):
            data = b"big"
        elif "/data/" in i.filename:
            w = parts[int(i.filename.rsplit("/", 1)[1])]
            data = b"".join(data[j:j + w][::-1] for j in range(0, len(data), w))
        b.writestr(zipfile.ZipInfo(i.filename), data)
os.remove("big.tmp")
record("bigendian.pth", "torch zip", root=big)

json.dump(golden, open("old.json", "w"), indent=0)
print({n: (os.path.getsize(n), len(g["tensors"])) for n, g in golden.items()})
