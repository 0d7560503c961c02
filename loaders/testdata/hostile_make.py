#!/usr/bin/env python3
"""Writes hostile.zip beside this file: files that try to harm their reader, each with the error it
must get. A few sound ones, with the error "none", show that the others are only wrong where they mean to be.

    python hostile_make.py           (Python's standard library only)

The archive has the files and index.json: [{"file", "error": the Go type of the error, "text": a part
of its message}], in the order of this script. Nothing here is harmful where nothing is executed: the
functions that the pickles name get arguments that would print a line.
"""

import io, json, os, struct, zipfile, zlib

os.chdir(os.path.dirname(os.path.abspath(__file__)))
files = {}
index = []


def add(name, data, error, text=""):
    assert name not in files and (text or error == "none"), name
    files[name] = bytes(data)
    index.append({"file": name, "error": error, "text": text})


FORMAT, GLOBAL, LIMIT = "FormatError", "GlobalError", "LimitError"
MEMORY_OF_PICKLE, VALUES = "memory for the pickle", "values on the stack"

# --- Pickles, by hand ---------------------------------------------------------------------------------


def u8(n):
    return struct.pack("<Q", n & (1 << 64) - 1)


def u4(n):
    return struct.pack("<I", n)


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return b"X" + u4(len(s)) + s


def num(n):
    return (
        b"\x8a\x09" + n.to_bytes(9, "little", signed=True)
        if not -(2**63) <= n < 2**63
        else b"\x8a\x08" + n.to_bytes(8, "little", signed=True)
    )


def glob(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def tup(*items):
    return b"(" + b"".join(items) + b"t"


def nums(*n):
    return tup(*map(num, n))


def dic(*items):
    return b"}(" + b"".join(text(i) if n % 2 == 0 else i for n, i in enumerate(items)) + b"u"


def storage(cls, key, count):
    return tup(text("storage"), glob("torch", cls), text(key), text("cpu"), num(count)) + b"Q"


V2 = glob("torch._utils", "_rebuild_tensor_v2")
V3 = glob("torch._utils", "_rebuild_tensor_v3")
PARAMETER = glob("torch._utils", "_rebuild_parameter")
FROM_TYPE = glob("torch._tensor", "_rebuild_from_type_v2")
OD = glob("collections", "OrderedDict") + b")R"


def view(s, offset, shape, stride):
    return V2 + tup(s, num(offset), nums(*shape), nums(*stride), b"\x89", b"}") + b"R"


def floats(key, n):
    return view(storage("FloatStorage", key, n), 0, [n], [1])


def pkl(body):
    return b"\x80\x02" + body + b"."


# --- Archives ----------------------------------------------------------------------------------------


def archive(body, storages=None, method=zipfile.ZIP_STORED, raw=False, more=(), byteorder=b"little"):
    """A file of torch.save with the pickle body and storages {key: bytes}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        parts = [("a/data.pkl", body if raw else pkl(body)), ("a/byteorder", byteorder)]
        parts += [(f"a/data/{k}", v) for k, v in (storages or {}).items()] + list(more)
        for name, data in parts:
            i = zipfile.ZipInfo(name)
            i.compress_type = method
            z.writestr(i, data)
    return bytearray(out.getvalue())


def entries(*parts, method=zipfile.ZIP_STORED):
    """An archive of (name, data), twice the same name too."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in parts:
            i = zipfile.ZipInfo("placeholder")
            i.filename = name
            i.compress_type = method
            z.writestr(i, data)
    return bytearray(out.getvalue())


def central(data, name):
    """Where the directory's record of name begins."""
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    return at


def patched(data, name, at, new):
    """data with the bytes at from the start of the directory's record of name replaced."""
    data = bytearray(data)
    c = central(data, name) + at
    data[c : c + len(new)] = new
    return data


def pickled(name, body, error, message="", **kw):
    add("pickle/" + name, archive(body, **kw), error, message)


W = bytes(range(24))
GOOD = archive(dic("w", floats("0", 6)), {"0": W})

# --- Length bombs -------------------------------------------------------------------------------------

for code, name, width in (
    (b"X", "BINUNICODE", 4),
    (b"\x8d", "BINUNICODE8", 8),
    (b"T", "BINSTRING", 4),
    (b"B", "BINBYTES", 4),
    (b"\x8e", "BINBYTES8", 8),
    (b"\x96", "BYTEARRAY8", 8),
):
    for n in (1 << 8 * width) - 1, 1 << 8 * width - 1, (1 << 20) + 1:
        pickled(f"length/{name}_{n}", code + n.to_bytes(width, "little"), LIMIT, "more than Limits.StringBytes")
    pickled(f"length/{name}_one_beyond", code + (4).to_bytes(width, "little") + b"ab", FORMAT, "truncated pickle")
    pickled(f"length/{name}_1MiB", code + (1 << 20).to_bytes(width, "little") + b"x", FORMAT, "truncated pickle")
    add(f"pickle/length/{name}_no_count", archive(b"\x80\x02" + code + b"\x01", raw=True), FORMAT, "truncated pickle")
for code, name in (
    (b"\x8c", "SHORT_BINUNICODE"),
    (b"U", "SHORT_BINSTRING"),
    (b"C", "SHORT_BINBYTES"),
    (b"\x8a", "LONG1"),
):
    pickled(f"length/{name}_255", code + b"\xff", FORMAT, "truncated pickle")
for n in (1 << 32) - 1, (1 << 31) - 1, 1 << 20:
    pickled(f"length/LONG4_{n}", b"\x8b" + u4(n), FORMAT, "LONG4 of")
pickled("length/LONG4_one_beyond", b"\x8b" + u4(4) + b"ab", FORMAT, "truncated pickle")
pickled("length/INT_digits", b"I" + b"9" * 1000 + b"\n", FORMAT, "INT of")
pickled("length/LONG_digits", b"L" + b"9" * 500000 + b"L\n", FORMAT, "LONG of")
pickled("length/INT_no_end", b"I" + b"1" * 100, FORMAT, "INT of")
pickled("length/INT_letters", b"I1e9\n", FORMAT, "something else than digits")
pickled("length/GLOBAL_no_end", b"c" + b"x" * 3000, FORMAT, "GLOBAL of an unterminated line")
for n in (1 << 64) - 1, 1 << 62, 100:
    pickled(f"length/FRAME_{n}", b"\x95" + u8(n) + b"N", FORMAT, "FRAME of")
pickled("length/FRAME_in_frame", b"\x95" + u8(10) + b"\x95" + u8(0) + b"N", FORMAT, "FRAME inside a frame")
pickled("length/FRAME_crossed", b"\x95" + u8(3) + b"U\x04abcd", FORMAT, "crosses the end of a frame")

# --- Memo bombs, sharing, cycles, depth ---------------------------------------------------------------

pickled("memo/not_set", b"h\x07", FORMAT, "which is not set")
pickled("memo/not_set_4G", b"j\xff\xff\xff\xff", FORMAT, "which is not set")
pickled("memo/set_later", b"h\x00q\x00", FORMAT, "which is not set")
pickled("memo/of_nothing", b"q\x00N", FORMAT, "BINPUT on an empty stack")
pickled("memo/of_nothing_4G", b"r\xff\xff\xff\xffN", FORMAT, "LONG_BINPUT on an empty stack")
pickled("memo/behind_mark", b"N(\x94t", FORMAT, "MEMOIZE on an empty stack")
pickled(
    "memo/sparse",
    b"N" + b"".join(b"r" + u4(n * 4194301 % (1 << 32)) for n in range(1000)) + b"j" + u4(77),
    FORMAT,
    "LONG_BINGET of memo 77, which is not set",
)
pickled("memo/a_million_memoized", b"N" + b"\x94" * 6000000, LIMIT, MEMORY_OF_PICKLE)
pickled("memo/PUT_-1", b"Np-1\n", FORMAT, "PUT of something else than a number")
pickled("memo/PUT_2^32", b"Np4294967296\n", FORMAT, "PUT of something else than a number")
pickled("memo/PUT_text", b"Npx\n", FORMAT, "PUT of something else than a number")
pickled("memo/GET_of_protocol_0", b"g0\n", FORMAT, "which is not set")
for name, one, two in (
    ("lists", b"]q\x00", b"(h\x00h\x00lq\x00"),
    ("tuples", b")q\x00", b"h\x00h\x00\x86q\x00"),
    ("dicts", b"}q\x00", b"}(K\x01h\x00K\x02h\x00uq\x00"),
    ("OrderedDicts", OD + b"q\x00", OD + b"(K\x01h\x00K\x02h\x00uq\x00"),
):
    for times in 40, 900:
        pickled(f"memo/billion_{name}_{times}", one + two * times, LIMIT, "bytes of dotted keys")
pickled(
    "memo/billion_tensors",
    floats("0", 1) + b"q\x00" + b"(h\x00h\x00lq\x00" * 40,
    LIMIT,
    "dotted keys",
    storages={"0": W[:4]},
)
pickled(
    "memo/wide",
    b"](" + b"N" * 1000 + b"eq\x00](" + b"h\x00" * 1000 + b"eq\x01](" + b"h\x01" * 1000 + b"e",
    LIMIT,
    "Limits.Entries",
)
pickled("memo/string_often", b"](" + text("x" * 65536) + b"q\x00" + b"h\x00" * 65536 + b"e", FORMAT, "strings repeated")
pickled(
    "memo/bytes_often",
    b"](B" + u4(65536) + b"x" * 65536 + b"q\x00" + b"h\x00" * 65536 + b"e",
    FORMAT,
    "strings repeated",
)
pickled(
    "memo/long_keys", text("k" * 100000) + b"q\x00" + b"}h\x00" * 400 + b"N" + b"s" * 400, FORMAT, "strings repeated"
)
pickled(
    "memo/metadata_often",
    OD
    + b"}"
    + text("_metadata")
    + OD
    + b"("
    + b"".join(num(n) + b"N" for n in range(3000))
    + b"usbq\x00]("
    + b"h\x00" * 1000
    + b"e",
    LIMIT,
    "Limits.Entries",
)
pickled(
    "memo/one_key_often",
    b"}(" + (text("a") + b"N") * 3000 + b"uq\x00](" + b"h\x00" * 1000 + b"e",
    LIMIT,
    "Limits.Entries",
)

SELF = {
    "list": b"]q\x00h\x00a",
    "list_of_two": b"]q\x00(h\x00h\x00e",
    "dict": b"}q\x00" + text("a") + b"h\x00s",
    "OrderedDict": OD + b"q\x00" + text("a") + b"h\x00s",
    "tuple_in_list": b"]q\x00h\x00\x85a",
    "two_lists": b"]q\x00]q\x01h\x00aa",
    "dict_in_list": b"]q\x00}q\x01" + text("a") + b"h\x00sa",
    "beside_a_tensor": b"}q\x00(" + text("w") + floats("0", 6) + text("self") + b"h\x00u",
}
for name, body in SELF.items():  # what stops it, depth or the length of the keys, is no matter
    pickled("self/" + name, body, LIMIT, "Limits.", storages={"0": W})
pickled("self/branching", b"]q\x00(" + b"h\x00" * 50 + b"e", LIMIT, "Limits.Nesting")
pickled(
    "self/metadata", OD + b"q\x00}" + text("_metadata") + b"h\x00sb" + text("a") + b"h\x00s", LIMIT, "bytes of dotted keys"
)
pickled("self/key", b"]q\x00}h\x00h\x00sa" + b"h\x00a", LIMIT, "bytes of dotted keys")
pickled("self/tensor_arguments", V2 + b"]q\x00h\x00a\x85R", FORMAT, "a tensor of 1 arguments")

for n in 1100, 100000:
    pickled(f"deep/lists_{n}", b"]" * n + b"a" * (n - 1), LIMIT, "Nesting")
    pickled(f"deep/marks_{n}", b"(" * n + b"t" * n, LIMIT, "Nesting")
    pickled(f"deep/tuples_{n}", b")" + b"\x85" * n, LIMIT, "Nesting")
    pickled(f"deep/dicts_{n}", b"}K\x01" * n + b"N" + b"s" * n, LIMIT, "Nesting")
    pickled(
        f"deep/OrderedDicts_{n}",
        OD + b"q\x00" + (b"K\x01" + OD) * n + b"s" * n,
        LIMIT,
        "Nesting" if n < 2000 else MEMORY_OF_PICKLE,
    )
pickled("deep/tuples_5M", b")" + b"\x85" * 5000100, LIMIT, MEMORY_OF_PICKLE)
pickled(
    "deep/parameters",
    PARAMETER * 3000 + floats("0", 7) + b"\x89N\x87R" * 3000,
    FORMAT,
    "has 7 elements",
    storages={"0": W},
)
pickled("many/None", b"](" + b"N" * 6000000 + b"e", LIMIT, VALUES)
pickled("many/lists", b"](" + b"]" * 2000000 + b"e", LIMIT, MEMORY_OF_PICKLE)
pickled("many/dicts", b"](" + b"}" * 2000000 + b"e", LIMIT, MEMORY_OF_PICKLE)
pickled("many/sets", b"](" + b"\x8f" * 1500000 + b"e", LIMIT, MEMORY_OF_PICKLE)
pickled(
    "many/calls",
    b"](" + OD + b"q\x00" + glob("collections", "OrderedDict") + b"q\x01" + b"h\x01)R" * 800000 + b"e",
    LIMIT,
    MEMORY_OF_PICKLE,
)
pickled("many/numbers", b"](" + b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f" * 900000 + b"e", LIMIT, MEMORY_OF_PICKLE)
pickled("many/marks", b"](" + b"(t" * 2000000 + b"e", LIMIT, MEMORY_OF_PICKLE)
pickled("many/GLOBAL", b"](" + glob("torch", "Tensor") * 400000 + b"e" + glob("os", "system"), LIMIT, MEMORY_OF_PICKLE)
pickled("many/keys", b"}(" + b"K\x01N" * 1000001 + b"u", LIMIT, VALUES)
pickled("many/empty_tuples", b"](" + b")" * 3000000 + b"e", LIMIT, VALUES)

NO_ID = "a storage without class, key or count"

# --- Broken pickles -----------------------------------------------------------------------------------

for name, body, message in (
    ("STOP_alone", b"", "STOP on an empty stack"),
    ("STOP_in_mark", b"N(N", "STOP inside a MARK"),
    ("PROTO_6", b"\x80\x06N", "pickle protocol 6"),
    ("PROTO_255", b"\x80\xffN", "pickle protocol 255"),
    ("STRING_bare", b"Sa\n", "STRING without quotes"),
    ("STRING_open", b"S'a\n", "STRING without quotes"),
    ("STRING_escape", b"S'\\x41'\n", "with an escape"),
    ("UNICODE_escape", b"V\\u0041\n", "with an escape"),
    ("FLOAT_text", b"Fnot\n", "FLOAT of"),
    ("FLOAT_huge", b"F1e999999999\n", "FLOAT of"),
    ("FLOAT_digits", b"F" + b"1" * 900 + b"\n", "FLOAT of"),
    ("DICT_odd", b"(Nd", "DICT of a key without value"),
    ("SETITEMS_odd", b"}(Nu", "SETITEMS of a key"),
    ("TUPLE_no_mark", b"Nt", "TUPLE without MARK"),
    ("POP_MARK_no_mark", b"N1", "POP_MARK without MARK"),
    ("POP_nothing", b"0N", "POP on an empty stack"),
    ("POP_over_mark", b"N(0", "POP on an empty stack"),
    ("DUP_nothing", b"2", "DUP on an empty stack"),
    ("TUPLE3_of_two", b"NN\x87", "TUPLE3 on an empty stack"),
    ("APPEND_nothing", b"Na", "APPEND on an empty stack"),
    ("APPENDS_nothing", b"(Ne", "APPENDS on an empty stack"),
    ("REDUCE_nothing", b"R", "REDUCE on an empty stack"),
    ("BUILD_nothing", b"Nb", "BUILD on an empty stack"),
    ("BINPERSID_nothing", b"Q", "BINPERSID on an empty stack"),
    ("APPEND_to_number", b"K\x01Na", "byte 6: damaged pickle, before this byte: APPEND requires"),
    ("APPENDS_to_tuple", b")(Ne", "byte 6: damaged pickle, before this byte: APPEND requires"),
    ("ADDITEMS_to_list", b"](N\x90", "byte 6: damaged pickle, before this byte: ADDITEMS requires"),
    ("NEXT_BUFFER", b"\x97", "not allowed"),
    ("READONLY_BUFFER", b"N\x98", "not allowed"),
    ("opcode_0", b"\x00", "not allowed"),
    ("opcode_255", b"\xff", "not allowed"),
    (
        "no_tensor_but_a_class",
        V2 + glob("torch", "FloatStorage") + b"R",
        "byte 56: damaged pickle, before this byte: REDUCE args",
    ),
    ("module_as_id", tup(text("module"), b"N", b"N", b"N", b"N") + b"Q", "persistent id"),
    ("id_of_text", text("storage") + b"Q", "persistent id"),
    ("id_of_two", tup(text("storage"), b"N") + b"Q", "persist"),
    ("storage_no_class", tup(text("storage"), b"N", text("0"), text("cpu"), num(1)) + b"Q", NO_ID),
    (
        "storage_of_class_Tensor",
        tup(text("storage"), glob("torch", "Tensor"), text("0"), text("cpu"), num(1)) + b"Q",
        NO_ID,
    ),
    (
        "storage_key_number",
        tup(text("storage"), glob("torch", "FloatStorage"), num(0), text("cpu"), num(1)) + b"Q",
        NO_ID,
    ),
    (
        "storage_count_text",
        tup(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"), text("1")) + b"Q",
        NO_ID,
    ),
):
    pickled("broken/" + name, body, FORMAT, message)
for n in 1, 2, 3, 20, 100, 130:
    whole = pkl(dic("w", floats("0", 6)))
    assert n < len(whole)
    add(f"pickle/broken/cut_at_{n}", archive(whole[:n], {"0": W}, raw=True), FORMAT, "data.pkl")
add("pickle/broken/empty", archive(b"", raw=True), FORMAT, "truncated pickle: no STOP")
add("pickle/broken/text", archive(b"not a pickle", raw=True), FORMAT, "not allowed")

# --- REDUCE and its relatives: what published attacks used --------------------------------------------

CALL = tup(text("echo this must never run")) + b"R"
for what in """os.system posix.system nt.system subprocess.Popen subprocess.call builtins.eval builtins.exec
 builtins.compile builtins.__import__ builtins.getattr builtins.open builtins.input __builtin__.eval
 __builtin__.apply commands.getoutput pickle.loads _pickle.loads marshal.loads torch.load torch.serialization.load
 torch.storage._load_from_bytes torch.hub.load torch.jit.load torch.utils._config_module.ConfigModule.load_config
 torch._inductor.codecache.compile_file torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression
 torch.jit.unsupported_tensor_ops.execWrapper torch._dynamo.guards.GuardBuilder.get torch.nn.Module.apply
 runpy.run_path runpy._run_code timeit.timeit webbrowser.open pip.main pip._internal.main shutil.rmtree
 socket.create_connection operator.attrgetter operator.methodcaller functools.partial functools.reduce
 importlib.import_module ctypes.CDLL types.CodeType types.FunctionType bdb.Bdb.run pdb.run profile.run
 cProfile.run trace.Trace.run code.InteractiveInterpreter.runcode doctest.debug_script
 numpy.testing._private.utils.runstring numpy.f2py.crackfortran.myeval numpy.load copyreg._reconstructor
 copy_reg._reconstructor copyreg.__newobj__ asyncio.unix_events._UnixSubprocessTransport._start
 multiprocessing.util.spawnv_passfds ensurepip._run_pip idlelib.pyshell.ModifiedInterpreter.runcommand
 lib2to3.pgen2.pgen.ParserGenerator.make_label dill._dill._load_type cloudpickle.cloudpickle._make_function
 joblib.numpy_pickle.load logging.config.listen urllib.request.urlopen requests.api.get httplib.HTTPSConnection
 aiohttp.client.ClientSession sys.exit site.main uuid._get_command_stdout collections.OrderedDict.__init__
 collections.namedtuple collections.Counter.__reduce__ torch._utils._rebuild_tensor_v2.__globals__
 torch._utils._import_dotted_name torch.Tensor.apply_ torch.Tensor.__setstate__ torch.from_file
 torch.storage.UntypedStorage.from_file
 torch.FloatStorage.from_file torch.distributed.rpc.PythonUDF torch.package.PackageImporter
 builtins.dict.update builtins.type
 builtins.object builtins.memoryview builtins.vars _io.FileIO io.open codecs.open _codecs.lookup zipfile.ZipFile
 tarfile.open
 tempfile.mktemp antigravity.geohash this.s gc.get_objects inspect.getattr_static""".split():
    module, name = what.rsplit(".", 1)
    pickled("reduce/" + what, glob(module, name) + CALL, GLOBAL, what)
for module, name in (
    ("torch.nn.Module", "__call__"),
    ("torch._utils", "_rebuild_tensor_v2.__call__"),
    ("torch", "serialization.load"),
    ("collections", "OrderedDict.fromkeys"),
    ("", ""),
    ("torch", ""),
    ("torch", "Tensor\r"),
    (" os", "system"),
    ("OS", "system"),
    ("\u03bfs", "system"),
    ("os\x00", "system"),
    ("torch/../os", "system"),
    ("torch.cuda", "load"),
    ("torch.storage", "FloatStorage.__init__"),
):
    pickled(f"reduce/name_{len(index)}", glob(module, name) + CALL, GLOBAL, "nsupported")


def short(s):
    return b"\x8c" + bytes([len(s)]) + s.encode()


pickled("reduce/STACK_GLOBAL", short("posix") + short("system") + b"\x93" + CALL, GLOBAL, "posix.system")
pickled(
    "reduce/STACK_GLOBAL_memo",
    short("system") + b"\x94" + b"0" + short("posix") + b"h\x00\x93" + CALL,
    GLOBAL,
    "posix.system",
)
pickled("reduce/STACK_GLOBAL_thrown_away", short("os") + short("system") + b"\x930N", GLOBAL, "os.system")
pickled("reduce/STACK_GLOBAL_bytes", b"C\x05posixC\x06system\x93" + CALL, FORMAT, "STACK_GLOBAL of computed names")
pickled("reduce/STACK_GLOBAL_numbers", b"K\x01K\x02\x93" + CALL, FORMAT, "STACK_GLOBAL of computed names")
pickled(
    "reduce/STACK_GLOBAL_computed",
    glob("_codecs", "encode") + tup(text("os"), text("latin1")) + b"R" + text("system") + b"\x93" + CALL,
    FORMAT,
    "STACK_GLOBAL of computed names",
)
pickled("reduce/GLOBAL_in_arguments", OD + b"}" + text("x") + glob("os", "system") + b"sb", GLOBAL, "os.system")
pickled(
    "reduce/GLOBAL_after_tensor",
    dic("w", floats("0", 6), "x", glob("os", "system") + CALL),
    GLOBAL,
    "os.system",
    storages={"0": W},
)
pickled("reduce/INST", b"(" + text("echo") + b"iposix\nsystem\n", GLOBAL, "posix.system")
pickled("reduce/OBJ", b"(" + glob("torch", "Tensor") + text("echo") + b"o", FORMAT, "Can only create new object")
pickled("reduce/OBJ_of_os", b"(" + glob("os", "system") + text("echo") + b"o", GLOBAL, "os.system")
pickled("reduce/NEWOBJ", glob("subprocess", "Popen") + tup(text("echo")) + b"\x81", GLOBAL, "subprocess.Popen")
pickled("reduce/NEWOBJ_EX", glob("subprocess", "Popen") + tup(text("echo")) + b"}\x92", GLOBAL, "subprocess.Popen")
pickled("reduce/NEWOBJ_of_OrderedDict_subclass", text("a") + text("b") + b"\x81", FORMAT, "Trying to call reduce")
for code, n in (b"\x82", 1), (b"\x83", 2), (b"\x84", 4):
    pickled(f"reduce/EXT{n}", code + b"\x01" * n + CALL, FORMAT, "is not allowed")
pickled("reduce/PERSID", b"Pposix\n", FORMAT, "opcode 0x50 is not allowed")
for name, body in {
    "list": b"]",
    "number": b"K\x05",
    "text": text("os.system"),
    "class": glob("torch", "FloatStorage"),
    "tensor_class": glob("torch", "Tensor"),
    "tensor": floats("0", 6),
    "None": b"N",
    "dtype": glob("torch", "float32"),
    "storage": storage("FloatStorage", "0", 6),
}.items():
    pickled("reduce/call_" + name, body + b")R", FORMAT, "Trying to call reduce", storages={"0": W})
for name, body in {
    "list": b"]",
    "dict": b"}",
    "number": b"K\x05",
    "tuple": b")",
    "class": glob("torch", "FloatStorage"),
    "function": V2,
}.items():
    pickled("reduce/build_" + name, body + b"}" + text("__class__") + b"Nsb", FORMAT, "BUILD", storages={"0": W})
pickled("reduce/OrderedDict_of_list", glob("collections", "OrderedDict") + b"](K\x01e\x85R", FORMAT, "else than pairs")
pickled(
    "reduce/OrderedDict_of_millions",
    glob("collections", "OrderedDict") + b"](" + b"NN\x86" * 100000 + b"e\x85R" + glob("os", "system"),
    GLOBAL,
    "os.system",
)
pickled("reduce/arguments_no_tuple", V2 + b"]R", FORMAT, "byte 37: damaged pickle, before this byte: REDUCE args")
pickled("reduce/tensor_of_nothing", V2 + b")R", FORMAT, "a tensor of 0 arguments")
pickled("reduce/tensor_of_hundred", V2 + tup(*[b"N"] * 100) + b"R", FORMAT, "a tensor of 100 arguments")
pickled(
    "reduce/from_type_of_os",
    FROM_TYPE + tup(glob("os", "system"), glob("torch", "Tensor"), tup(text("echo")), b"}") + b"R",
    GLOBAL,
    "os.system",
)
pickled(
    "reduce/from_type_of_itself",
    b"".join([FROM_TYPE + b"("] * 500) + b"NNNt" + b"NNtR" * 499 + b"R",
    FORMAT,
    "REDUCE on an empty stack",
)
pickled(
    "reduce/from_type_of_text",
    FROM_TYPE + tup(text("posix.system"), b"N", tup(text("echo")), b"}") + b"R",
    FORMAT,
    "attributes that no function rebuilds",
)
pickled("reduce/parameter_of_nothing", PARAMETER + b")R", FORMAT, "a parameter of 0 arguments")
pickled(
    "reduce/numpy_object_array",
    glob("numpy.core.multiarray", "_reconstruct")
    + tup(glob("numpy", "ndarray"), nums(0), b"N")
    + b"R"
    + tup(
        num(1),
        nums(1),
        glob("numpy", "dtype") + tup(text("O8"), b"\x89", b"\x88") + b"R",
        b"\x89",
        b"]" + glob("os", "system") + CALL + b"a",
    )
    + b"b",
    GLOBAL,
    "os.system",
)
# CVE-2026-24747: SETITEM and SETITEMS on what is no dict, storages that are shorter than they say.
for name, body in {
    "list": b"](K\x01e",
    "tuple": b")",
    "number": b"K\x05",
    "text": text("abcd"),
    "tensor": floats("0", 6),
    "storage": storage("FloatStorage", "0", 6),
    "set": b"\x8f",
    "class": glob("torch", "Tensor"),
}.items():
    pickled("setitem/" + name, body + b"K\x00K\x00s", FORMAT, "before this byte: SETITEM requires", storages={"0": W})
    pickled(
        "setitem/many_" + name,
        body + b"(K\x00K\x00K\x01K\x01u",
        FORMAT,
        "before this byte: SETITEMS requires",
        storages={"0": W},
    )

# --- Tensors that reach outside their storage ---------------------------------------------------------

S = storage("FloatStorage", "0", 6)
BIG = 1 << 60
SIZES = {"0": W, "1": bytes(9), "2": bytes(4), "3": b"\x00\x01\x02"}
MEMORY = "memory can address"
for name, body, error, message in (
    ("one_row_more", view(S, 1, [2, 3], [3, 1]), FORMAT, "reaches element 6 of a storage of 6"),
    ("stride_beyond", view(S, 0, [2, 2], [5, 1]), FORMAT, "reaches element 6"),
    ("offset_beyond", view(S, 6, [], []), FORMAT, "reaches element 6"),
    ("offset_2^60", view(S, BIG, [1], [1]), FORMAT, "reaches element"),
    ("offset_2^62", view(S, 1 << 62, [2], [1]), FORMAT, "reaches"),
    ("offset_2^63-1", view(S, (1 << 63) - 1, [2], [1]), FORMAT, "reaches beyond 64 bits"),
    ("offset_2^64", view(S, 1 << 64, [1], [1]), FORMAT, "no offset"),
    ("offset_negative", view(S, -1, [1], [1]), FORMAT, "offset -1"),
    ("offset_-2^63", view(S, -(1 << 63), [1], [1]), FORMAT, "offset -9223372036854775808"),
    ("stride_negative", view(S, 5, [2], [-1]), FORMAT, "stride -1"),
    ("stride_2^62", view(S, 0, [3, 3], [1 << 62, 1 << 62]), FORMAT, "reaches beyond 64 bits"),
    ("stride_wraps_to_0", view(S, 0, [5], [1 << 62]), FORMAT, "reaches beyond 64 bits"),
    ("extent_negative", view(S, 0, [-2], [1]), FORMAT, "no negative extent"),
    ("extents_negative_product", view(S, 0, [-2, -3], [3, 1]), FORMAT, "no negative extent"),
    ("elements_2^60", view(S, 0, [BIG], [0]), FORMAT, MEMORY),
    ("elements_2^120", view(S, 0, [BIG, BIG], [0, 0]), FORMAT, MEMORY),
    ("elements_2^64", view(S, 0, [1 << 32, 1 << 32], [0, 0]), FORMAT, MEMORY),
    ("elements_2^64+1", view(S, 0, [274177, 67280421310721], [0, 0]), FORMAT, MEMORY),
    ("elements_2^63", view(S, 0, [1 << 21, 1 << 21, 1 << 21], [0, 0, 0]), FORMAT, MEMORY),
    ("elements_2^64_and_0", view(S, 0, [1 << 32, 1 << 32, 0], [0, 0, 0]), FORMAT, MEMORY),
    ("expanded_2^58", view(S, 0, [1 << 58], [0]), LIMIT, "Limits.Gathered"),
    ("expanded_17M", view(S, 0, [1 << 24, 2], [0, 1]), LIMIT, "Limits.Gathered"),
    (
        "windows_of_windows",
        view(storage("ByteStorage", "0", 24), 0, [2] * 27, [0] * 26 + [1]),
        LIMIT,
        "Limits.Gathered",
    ),
    ("two_extents_one_stride", view(S, 0, [1, 1], [1]), FORMAT, "2 extents but 1 strides"),
    ("no_extent_one_stride", view(S, 0, [], [1]), FORMAT, "0 extents but 1 strides"),
    ("axes_65", view(S, 0, [1] * 65, [1] * 65), LIMIT, "Limits.Dims"),
    ("axes_100000", view(S, 0, [1] * 100000, [1] * 100000), LIMIT, "Limits."),
    ("extent_None", V2 + tup(S, num(0), b"(Nt", nums(1), b"\x89", b"}") + b"R", FORMAT, "shape"),
    ("extent_text", V2 + tup(S, num(0), b"(" + text("6") + b"t", nums(1), b"\x89", b"}") + b"R", FORMAT, "shape"),
    (
        "extent_float",
        V2 + tup(S, num(0), b"(G@\x18\x00\x00\x00\x00\x00\x00t", nums(1), b"\x89", b"}") + b"R",
        FORMAT,
        "shape",
    ),
    ("extent_2^70", V2 + tup(S, num(0), tup(num(1 << 70)), nums(1), b"\x89", b"}") + b"R", FORMAT, "shape"),
    ("shape_list", V2 + tup(S, num(0), b"](K\x06e", nums(1), b"\x89", b"}") + b"R", FORMAT, "shape"),
    ("no_storage", view(b"N", 0, [1], [1]), FORMAT, "no storage"),
    ("storage_of_tensor", view(floats("0", 6), 0, [1], [1]), FORMAT, "no storage"),
    ("storage_missing", floats("7", 6), FORMAT, 'no entry "a/data/7"'),
    ("storage_elsewhere", floats("../data.pkl", 6), FORMAT, "no entry"),
    ("storage_absolute", floats("/etc/passwd", 6), FORMAT, "no entry"),
    ("storage_name_long", floats("x" * 100000, 6), FORMAT, "no entry"),
    ("count_less", floats("0", 5), FORMAT, "has 5 elements of float32, its entry 24 bytes"),
    ("count_more", floats("0", 7), FORMAT, "has 7 elements of float32, its entry 24 bytes"),
    ("count_2^60", floats("0", BIG), FORMAT, "has 1152921504606846976 elements"),
    ("count_2^62", floats("0", 1 << 62), FORMAT, "has 4611686018427387904 elements"),
    ("count_2^62+6_wraps", floats("0", (1 << 62) + 6), FORMAT, "has 4611686018427387910 elements"),
    ("count_-1", storage("FloatStorage", "0", -1), FORMAT, NO_ID),
    ("count_2^64", storage("FloatStorage", "0", 1 << 64), FORMAT, NO_ID),
    ("wider_type", view(storage("DoubleStorage", "0", 6), 0, [6], [1]), FORMAT, "6 elements of float64"),
    ("half_an_element", view(storage("DoubleStorage", "1", 1), 0, [1], [1]), FORMAT, "entry 9 bytes"),
    ("bytes_as_elements", view(storage("UntypedStorage", "0", 24), 0, [1], [1]), FORMAT, "no element type"),
    ("v3_no_type", V3 + tup(S, num(0), nums(6), nums(1), b"\x89", b"N", b"N") + b"R", FORMAT, "without dtype"),
    (
        "v3_wider_type",
        V3 + tup(S, num(0), nums(6), nums(1), b"\x89", b"N", glob("torch", "float64")) + b"R",
        FORMAT,
        "reaches element 5 of a storage of 3",
    ),
    (
        "v3_complex",
        V3 + tup(S, num(0), nums(4), nums(1), b"\x89", b"N", glob("torch", "complex64")) + b"R",
        FORMAT,
        "reaches element 3 of a storage of 3",
    ),
    ("parameter_beyond", PARAMETER + view(S, 0, [7], [1]) + b"\x89N\x87R", FORMAT, "reaches element 6"),
    (
        "from_type_beyond",
        FROM_TYPE + tup(V2, glob("torch", "Tensor"), tup(S, num(0), nums(7), nums(1), b"\x89", b"}"), b"}") + b"R",
        FORMAT,
        "reaches element 6",
    ),
    (
        "two_types",
        dic("x", floats("0", 6), "y", view(storage("IntStorage", "0", 6), 0, [6], [1])),
        FORMAT,
        "declared twice",
    ),
    ("two_counts", dic("x", floats("0", 6), "y", floats("0", 3)), FORMAT, "declared twice"),
    ("bool_of_2", view(storage("BoolStorage", "3", 3), 0, [3], [1]), FORMAT, "element 2 of a bool tensor is 0x2"),
    ("bool_of_2_gathered", view(storage("BoolStorage", "3", 3), 2, [1, 2], [1, 0]), FORMAT, "bool tensor is 0x2"),
):
    add("tensor/" + name, archive(dic("first", floats("2", 1), "layer.weight", body), SIZES), error, message)
add(
    "tensor/two_of_one_key",
    archive(dic("a.b", floats("0", 6), "a", dic("b", floats("0", 6))), {"0": W}),
    FORMAT,
    "two tensors have this dotted key",
)
add(
    "tensor/number_and_text_key",
    archive(b"}(K\x01" + floats("0", 6) + text("1") + floats("0", 6) + b"u", {"0": W}),
    FORMAT,
    "two tensors have this dotted key",
)
add(
    "tensor/many_expanded",
    archive(dic(*[x for n in range(40) for x in (f"w{n}", view(S, 0, [1 << 20], [0]))]), {"0": W}),
    LIMIT,
    "Limits.Gathered",
)
for cut in 1, 23:
    add(
        f"tensor/storage_cut_by_{cut}",
        archive(dic("w", floats("0", 6)), {"0": W[:-cut]}),
        FORMAT,
        "has 6 elements of float32",
    )

# --- Zip archives -------------------------------------------------------------------------------------

P = pkl(dic("w", floats("0", 6)))
N = pkl(b"N")
EVIL = pkl(glob("os", "system") + CALL)


def zipped(name, data, message, error=FORMAT):
    add("zip/" + name, data, error, message)


zipped("entry_twice", entries(("a/data.pkl", N), ("a/data.pkl", EVIL)), "entry occurs twice")
zipped("storage_twice", entries(("a/data.pkl", P), ("a/data/0", W), ("a/data/0", W)), "entry occurs twice")
zipped("outside", entries(("a/data.pkl", P), ("a/data/0", W), ("evil/data/0", W)), "entry outside the directory")
zipped("outside_first", entries(("b/x", N), ("a/data.pkl", P), ("a/data/0", W)), "entry outside the directory")
for n in (
    "../data.pkl",
    "../../etc/passwd",
    "/etc/passwd",
    "..\\a\\data.pkl",
    "C:\\evil",
    "a\\data.pkl",
    "A/data/0",
    "a",
    "",
    "./a/x",
):
    zipped(f"name_{len(index)}", entries(("a/data.pkl", P), ("a/data/0", W), (n, b"x")), "entry outside the directory")
zipped("no_directory", entries(("data.pkl", P)), "whose entries lie in no directory")
zipped("absolute", entries(("/data.pkl", P[:20])), "/data.pkl: byte 10: GLOBAL of an unterminated line")
zipped("pickle_below", entries(("a/b/data.pkl", P)), "without data.pkl")
zipped("pickle_by_dots", entries(("a/x/../data.pkl", P), ("a/data/0", W)), "without data.pkl")
zipped("pickle_upper", entries(("a/DATA.PKL", P)), "without data.pkl")
zipped("no_pickle", entries(("a/data/0", W)), "without data.pkl")
zipped("a_jar", entries(("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0")), "without data.pkl")
zipped("TorchScript", entries(("a/data.pkl", N), ("a/constants.pkl", N)), "TorchScript")
zipped("middle-endian", archive(dic("w", floats("0", 6)), {"0": W}, byteorder=b"middle"), "byte order")
zipped("byteorder_long", archive(b"N", byteorder=b"l" * 100000), "100000 bytes, more than 16")
zipped("two_files", entries(("a/data.pkl", EVIL), ("b/data.pkl", N)), "entry outside the directory")
zipped("method_12", patched(GOOD, "a/data/0", 10, b"\x0c\x00"), "compression method 12")
zipped("method_98", patched(GOOD, "a/data.pkl", 10, b"\x62\x00"), "compression method 98")
zipped("encrypted", patched(GOOD, "a/data/0", 8, b"\x01\x00"), "encrypted")
zipped("encrypted_pickle", patched(GOOD, "a/data.pkl", 8, b"\x01\x00"), "encrypted")
zipped("stored_shorter", patched(GOOD, "a/data/0", 24, b"\x17"), "stored entry of 24 bytes that should be 23")
zipped("stored_longer", patched(GOOD, "a/data/0", 24, b"\x19"), "stored entry of 24 bytes that should be 25")
zipped("size_4G", patched(GOOD, "a/data/0", 20, b"\xfe\xff\xff\xff\xfe\xff\xff\xff"), "truncated file")
zipped("size_of_pickle_4G", patched(GOOD, "a/data.pkl", 20, b"\xfe\xff\xff\xff\xfe\xff\xff\xff"), "more than 67108864")
zipped(
    "size_zip64_missing",
    patched(GOOD, "a/data/0", 20, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
    "damaged or truncated zip file",
)
zipped("offset_4G", patched(GOOD, "a/data/0", 42, b"\xfe\xff\xff\xff"), "damaged entry")
zipped("offset_into_data", patched(GOOD, "a/data/0", 42, b"\x05\x00\x00\x00"), "damaged entry")
zipped("offset_of_directory", patched(GOOD, "a/data/0", 42, u4(central(GOOD, "a/data.pkl"))), "damaged entry")
zipped("deflate_of_stored", patched(GOOD, "a/data/0", 10, b"\x08\x00"), "damaged entry")
zipped("deflate_of_stored_pickle", patched(GOOD, "a/data.pkl", 10, b"\x08\x00"), "damaged entry")


def zip64(data, name, size, offset=None):
    """data with a zip64 field in the directory's record of name, the last one."""
    c = central(data, name)
    field = struct.pack("<HHQQ", 1, 16, size, size)
    end = data.rindex(b"PK\x05\x06")
    d = bytearray(data)
    d[c + 20 : c + 28] = b"\xff" * 8
    d[c + 30 : c + 32] = struct.pack("<H", len(field))
    at = c + 46 + len(name)
    assert at == end
    d[at:at] = field
    end += len(field)
    d[end + 12 : end + 16] = u4(struct.unpack("<I", d[end + 12 : end + 16])[0] + len(field))
    return d


for size in (1 << 64) - 1, 1 << 63, (1 << 63) - 1, 1 << 40:
    zipped(
        f"zip64_size_{size}", zip64(GOOD, "a/data/0", size), "size beyond 63 bits" if size >> 63 else "truncated file"
    )
for at, new, name in (
    (8, b"\xff" * 4, "entries_65535"),
    (10, b"\x00\x00", "entries_0"),
    (12, b"\xff\xff\xff\x7f", "size"),
    (16, b"\xff\xff\xff\x7f", "offset"),
    (20, b"\xff\xff", "comment"),
):
    d = bytearray(GOOD)
    e = d.rindex(b"PK\x05\x06")
    d[e + at : e + at + len(new)] = new
    zipped("end_record_" + name, d, "damaged entry" if name == "offset" else "damaged or truncated zip file")
for n in 4, 30, 40, 100, len(GOOD) // 2, len(GOOD) - 60, len(GOOD) - 22, len(GOOD) - 1:
    zipped(f"cut_at_{n}", GOOD[:n], "damaged or truncated zip file")
first = GOOD[: GOOD.index(b"PK\x01\x02")]
zipped("no_directory_at_all", first, "damaged or truncated zip file")
other = patched(GOOD, "a/data/0", 42, u4(0))  # the storage is the pickle's entry, by the directory
zipped(
    "overlap_same_entry",
    patched(patched(other, "a/data/0", 20, u4(len(P)) * 2), "a/data/0", 42, u4(0)),
    "its entry 143 bytes",
)
o = entries(("a/data.pkl", pkl(dic("x", floats("0", 6), "y", floats("1", 6)))), ("a/data/0", W), ("a/data/1", W))
where = struct.unpack("<I", o[central(o, "a/data/0") + 42 :][:4])[0]
zipped("overlap_two_storages", patched(o, "a/data/1", 42, u4(where)), "overlap")
inner = bytearray(W * 8)
o = entries(
    ("a/data.pkl", pkl(dic("x", floats("0", 48), "y", floats("1", 6)))), ("a/data/0", bytes(192)), ("a/data/1", W)
)
where = struct.unpack("<I", o[central(o, "a/data/0") + 42 :][:4])[0]
header = o[struct.unpack("<I", o[central(o, "a/data/1") + 42 :][:4])[0] :][: 30 + 8]
o[where + 38 + 8 : where + 38 + 8 + len(header)] = header  # a local header inside the other storage
o[central(o, "a/data/0") + 16 :][:4] = bytes(4)
zipped("overlap_nested_header", patched(o, "a/data/1", 42, u4(where + 38 + 8)), "overlap")
zipped(
    "overlap_directory",
    patched(
        patched(GOOD, "a/data/0", 20, u4(60) * 2),
        "a/data/0",
        42,
        u4(struct.unpack("<I", GOOD[central(GOOD, "a/data/0") + 42 :][:4])[0]),
    ),
    "its entry 60 bytes",
)
# CVE-2025-10155 to 10157 and CVE-2025-1944, 1945, 1889: archives that a scanner reads otherwise than the loader.
bad = bytearray(archive(glob("os", "system") + CALL))
bad[central(bad, "a/data.pkl") + 16 :][:4] = b"\x00\x00\x00\x00"
c = central(bad, "a/data.pkl")
bad[c + 16 : c + 20] = b"\xde\xad\xbe\xef"
zipped("evil_wrong_checksum", bad, "os.system", GLOBAL)
d = bytearray(archive(glob("os", "system") + CALL))
d[d.index(b"a/data.pkl")] = ord("b")
zipped("evil_other_local_name", d, "os.system", GLOBAL)
d = bytearray(archive(glob("os", "system") + CALL))
d[6] |= 1
zipped("evil_local_flag_encrypted", d, "os.system", GLOBAL)
zipped(
    "evil_directory_flag_encrypted",
    patched(archive(glob("os", "system") + CALL), "a/data.pkl", 8, b"\x01\x00"),
    "encrypted",
)
zipped(
    "evil_local_method",
    bytes(archive(glob("os", "system") + CALL)).replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00", 1),
    "os.system",
    GLOBAL,
)
zipped("evil_deflated", archive(glob("os", "system") + CALL, method=zipfile.ZIP_DEFLATED), "os.system", GLOBAL)
d = patched(archive(glob("os", "system") + CALL, method=zipfile.ZIP_DEFLATED), "a/data.pkl", 16, b"\xde\xad\xbe\xef")
zipped("evil_deflated_wrong_checksum", d, "damaged entry")
zipped(
    "evil_behind_a_prefix",
    b"MZ" + bytes(100) + archive(glob("os", "system") + CALL),
    "byte 0: neither a file of torch.save",
)
zipped("evil_behind_another_zip", bytes(GOOD) + bytes(archive(glob("os", "system") + CALL)), "os.system", GLOBAL)
zipped("evil_second_pickle_only", entries(("a/data.pkl", b"\x80\x02"), ("a/evil.pkl", EVIL)), "truncated pickle")
zipped("pickle_before_the_zip", EVIL + bytes(GOOD), "byte 0: a pickle that torch.save did not write")


def bomb(n):
    """The DEFLATE stream of n zeros."""
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join([c.compress(bytes(1 << 20)) for _ in range(n >> 20)] + [c.flush()])


def deflated(body, key_sizes, claimed=None):
    """An archive whose storages inflate to zeros of so many bytes."""
    stored = archive(body, {k: b"" for k in key_sizes}, method=zipfile.ZIP_DEFLATED)
    out, start, records = io.BytesIO(), 0, []
    parts = [("a/data.pkl", zlib.compress(pkl(body), 9)[2:-4], len(pkl(body)), zlib.crc32(pkl(body)))]
    for k, n in key_sizes.items():
        crc = 0
        for _ in range(n >> 20):
            crc = zlib.crc32(bytes(1 << 20), crc)
        parts.append((f"a/data/{k}", bomb(n), claimed or n, crc))
    for name, data, size, crc in parts:
        records.append((name, data, size, crc, out.tell()))
        out.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0x21, crc, len(data), size, len(name), 0))
        out.write(name.encode() + data)
    start = out.tell()
    for name, data, size, crc, at in records:
        out.write(
            struct.pack(
                "<IHHHHHHIIIHHHHHII",
                0x02014B50,
                20,
                20,
                0,
                8,
                0,
                0x21,
                crc,
                len(data),
                size,
                len(name),
                0,
                0,
                0,
                0,
                0,
                at,
            )
        )
        out.write(name.encode())
    end = out.tell()
    out.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(records), len(records), end - start, start, 0))
    return out.getvalue()


M = 1 << 20
zipped(
    "bomb_storage_96M",
    deflated(dic("w", view(storage("ByteStorage", "0", 96 * M), 0, [96 * M], [1])), {"0": 96 * M}),
    "Limits.Inflated",
    LIMIT,
)
zipped(
    "bomb_storages_8x16M",
    deflated(
        dic(*[x for n in range(8) for x in (f"w{n}", view(storage("ByteStorage", str(n), 16 * M), 0, [16 * M], [1]))]),
        {str(n): 16 * M for n in range(8)},
    ),
    "Limits.Inflated",
    LIMIT,
)
zipped(
    "bomb_claims_less",
    deflated(dic("w", view(storage("ByteStorage", "0", M), 0, [M], [1])), {"0": 32 * M}, M),
    "damaged entry",
)
zipped(
    "bomb_claims_more",
    deflated(dic("w", view(storage("ByteStorage", "0", 40 * M), 0, [40 * M], [1])), {"0": 39 * M}, 40 * M),
    "cannot inflate to 41943040",
)
zipped(
    "bomb_claims_ratio_2000",
    deflated(dic("w", view(storage("ByteStorage", "0", 60 * M), 0, [60 * M], [1])), {"0": 1 * M}, 60 * M),
    "cannot inflate to",
)
zipped(
    "bomb_pickle_65M",
    entries(("a/data.pkl", b"\x80\x02" + b"N0" * (33 * M)), method=zipfile.ZIP_DEFLATED),
    "more than 67108864",
)
zipped(
    "bomb_pickle_40M",
    entries(("a/data.pkl", b"\x80\x02" + b"N0" * (20 * M)), method=zipfile.ZIP_DEFLATED),
    "Limits.Inflated",
    LIMIT,
)
zipped(
    "entries_3000",
    entries(("a/data.pkl", P), *[("a/" + str(n), b"") for n in range(3000)], ("b", b"")),
    "entry outside",
)

# A directory whose records all point to one entry.
d = bytes(GOOD)
c, e = d.index(b"PK\x01\x02"), d.rindex(b"PK\x05\x06")
record = d[c : c + 46] + b"a/"
records = b"".join(record[:28] + struct.pack("<H", 8) + record[30:46] + b"a/%06d" % n for n in range(9000))
tail = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 9000, 9000, len(records), c)
tail += struct.pack("<IIQI", 0x07064B50, 0, c + len(records), 1)
tail += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
zipped("entries_9000_in_directory", d[:c] + records + tail, "without data.pkl")
tail = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1 << 50, 1 << 50, 48 * 1000, c)
tail += struct.pack("<IIQI", 0x07064B50, 0, c + 48 * 1000, 1)
tail += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
zipped("entries_2^50_claimed", d[:c] + records[:48000] + tail, "damaged or truncated zip file")

# --- safetensors --------------------------------------------------------------------------------------


def safe(name, header, data=b"", message="", error=FORMAT, length=None):
    header = header if isinstance(header, bytes) else header.encode()
    add("safetensors/" + name, u8(len(header) if length is None else length) + header + data, error, message)


def t(key, dtype, shape, begin, end):
    return f'"{key}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}'


A, B = t("a", "F32", "[2]", 0, 8), t("b", "U8", "[3]", 8, 11)
for n in (1 << 64) - 1, 1 << 63, 100000001:
    error, message = (FORMAT, "byte 0: neither") if n >> 32 else (LIMIT, "more than Limits.HeaderBytes")
    add(f"safetensors/header_of_{n}", u8(n) + b"{" + A.encode() + b"}" + bytes(8), error, message)
add(
    "safetensors/header_of_100000000",
    u8(100000000) + b"{" + A.encode() + b"}" + bytes(8),
    FORMAT,
    "truncated file: no header",
)
safe("header_one_beyond", "{}", length=3, message="truncated file: no header")
safe("header_empty", "", bytes(8), "byte 0: neither")
for name, header, n, message in (
    ("key_twice", "{" + A + "," + t("a", "U8", "[3]", 8, 11) + "}", 11, "occurs twice"),
    ("key_twice_escaped", "{" + A + "," + t("\\u0061", "U8", "[3]", 8, 11) + "}", 11, "occurs twice"),
    ("dtype_twice", '{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1, "occurs twice"),
    ("metadata_twice", '{"__metadata__":{},"__metadata__":{}}', 0, "occurs twice"),
    ("metadata_of_numbers", '{"__metadata__":{"a":1}}', 0, "where a string should be"),
    ("metadata_nested", '{"__metadata__":{"a":{"b":"c"}}}', 0, "where a string should be"),
    (
        "metadata_list",
        '{"__metadata__":[]}',
        0,
        'byte 17: tensor "__metadata__": damaged, before this byte: [ where { should be',
    ),
    ("hole", "{" + A + "," + t("b", "U8", "[3]", 9, 12) + "}", 12, "hole or overlap"),
    ("hole_at_start", "{" + t("b", "U8", "[3]", 1, 4) + "}", 4, "hole or overlap"),
    ("overlap", "{" + A + "," + t("b", "U8", "[3]", 7, 10) + "}", 10, "hole or overlap"),
    ("overlap_all", "{" + A + "," + t("b", "F32", "[2]", 0, 8) + "}", 8, "hole or overlap"),
    ("overlap_inside", "{" + A + "," + t("b", "U8", "[2]", 4, 6) + "}", 8, "hole or overlap"),
    ("bytes_left", "{" + A + "}", 9, "the last tensor ends here"),
    ("bytes_missing", "{" + A + "}", 7, "in data of 7 bytes"),
    ("no_data", "{" + A + "," + B + "}", 0, "in data of 0 bytes"),
    ("megabyte_left", "{" + A + "}", 1 << 20, "the last tensor"),
    ("offsets_backwards", "{" + t("a", "U8", "[0]", 1, 0) + "}", 1, "data_offsets 1 to 0"),
    ("offsets_2^63", "{" + t("a", "U8", "[1]", 1 << 63, (1 << 63) + 1) + "}", 1, "63 bits"),
    ("offsets_2^64", "{" + t("a", "U8", "[1]", 1 << 64, (1 << 64) + 1) + "}", 1, "63 bits"),
    ("offsets_2^62", "{" + t("a", "U8", "[1]", 1 << 62, (1 << 62) + 1) + "}", 1, "in data of 1 bytes"),
    ("offset_-1", "{" + t("a", "U8", "[1]", -1, 0) + "}", 1, "63 bits"),
    ("offsets_three", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}', 1, "more than 2 numbers"),
    ("offsets_one", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', 1, "needs dtype, shape and two"),
    (
        "offsets_object",
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":{}}}',
        1,
        'byte 47: tensor "a": damaged, before this byte: { where [ should be',
    ),
    ("size_wrong", "{" + t("a", "F32", "[3]", 0, 8) + "}", 8, "takes 12 bytes"),
    ("size_0_of_many", "{" + t("a", "F32", "[1000000]", 0, 0) + "}", 0, "takes 4000000 bytes"),
    ("product_2^64", "{" + t("a", "U8", "[4294967296,4294967296]", 0, 0) + "}", 0, MEMORY),
    ("product_2^64_and_0", "{" + t("a", "U8", "[4294967296,4294967296,0]", 0, 0) + "}", 0, MEMORY),
    ("product_2^62_of_F32", "{" + t("a", "F32", "[4611686018427387904]", 0, 0) + "}", 0, MEMORY),
    ("product_of_64_axes", "{" + t("a", "U8", "[" + ",".join(["4"] * 64) + "]", 0, 0) + "}", 0, MEMORY),
    ("extent_2^64", "{" + t("a", "U8", "[18446744073709551616]", 0, 0) + "}", 0, "63 bits"),
    ("extent_2^63", "{" + t("a", "U8", "[9223372036854775808]", 0, 0) + "}", 0, "63 bits"),
    ("extent_-1", "{" + t("a", "U8", "[-1]", 0, 1) + "}", 1, "63 bits"),
    ("extent_1.0", "{" + t("a", "U8", "[1.0]", 0, 1) + "}", 1, "63"),
    ("extent_1e0", "{" + t("a", "U8", "[1e0]", 0, 1) + "}", 1, "63 bits"),
    ("extent_text", "{" + t("a", "U8", '["1"]', 0, 1) + "}", 1, "63"),
    ("extent_null", "{" + t("a", "U8", "[null]", 0, 1) + "}", 1, "where a whole number of 63 bits should be"),
    ("extent_list", "{" + t("a", "U8", "[[1]]", 0, 1) + "}", 1, "[ where a whole number"),
    ("extent_digits", "{" + t("a", "U8", "[" + "9" * 100000 + "]", 0, 1) + "}", 1, "damaged"),
    ("axes_65", "{" + t("a", "U8", "[" + ",".join(["1"] * 65) + "]", 0, 1) + "}", 1, "more than 64"),
    ("axes_million", "{" + t("a", "U8", "[" + ",".join(["1"] * 1000000) + "]", 0, 1) + "}", 1, "more than 64"),
    ("no_shape", '{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1, "needs dtype, shape"),
    ("no_dtype", '{"a":{"shape":[1],"data_offsets":[0,1]}}', 1, "needs dtype, shape"),
    ("unknown_field", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}', 1, '"x" is no part'),
    ("tensor_of_text", '{"a":"b"}', 0, "where { should be"),
    ("no_end", "{" + A, 8, "damaged"),
    ("comma_missing", "{" + A + B + "}", 11, "damaged"),
    ("text_after", "{" + A + "}{}", 8, "text after the last brace"),
    ("zero_after", "{" + A + "}\0\0", 8, "text after the last brace"),
    ("comma_after", "{" + A + ",}", 8, "damaged"),
    ("nested_100000", '{"a":' + "[" * 100000 + "]" * 100000 + "}", 0, "[ where { should be"),
    ("nested_objects", '{"a":' * 20000 + "1" + "}" * 20000, 0, '"a" is no part of a tensor'),
    ("nested_in_shape", "{" + t("a", "U8", "[" * 20000 + "]" * 20000, 0, 1) + "}", 1, "[ where a whole number"),
    ("long_key_open", '{"' + "k" * 1000000, 0, "damaged"),
    ("key_no_JSON", "{a:1}", 0, "damaged"),
    ("escape_no_JSON", '{"\\x":1}', 0, "damaged"),
    ("array", "{[]}", 0, "damaged"),
    ("bool_of_2", "{" + t("flag", "BOOL", "[1]", 0, 1) + "}", -1, "bool tensor is 0x2"),
):
    safe(name, header, bytes(n) if n >= 0 else b"\x02", message)
safe("not_UTF-8", b"{" + t("a", "U8", "[1]", 0, 1).encode() + b"\xff}", bytes(1), "not UTF-8")
safe("UTF-16", "{".encode() + A.encode("utf-16-le") + b"}\0", bytes(8), "byte 1: damaged")
safe(
    "tensors_5000_and_one_twice",
    "{" + ",".join(f'"{n % 5000}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for n in range(5001)) + "}",
    b"",
    "occurs twice",
)
safe(
    "metadata_of_a_million_brackets",
    '{"__metadata__":' + "{" * 1000000,
    b"",
    "damaged, before this byte: invalid character",
)

# --- The legacy format of PyTorch before 1.6 ----------------------------------------------------------

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
HEAD = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}(X\x10\0\0\0protocol_versionM\xe9\x03X\x0d\0\0\0little_endian\x88u."


def legacy_storage(cls, key, count, view=b"N"):
    return tup(text("storage"), glob("torch", cls), text(key), text("cpu"), num(count), view) + b"Q"


def legacy(name, body, keys=b"](X\x01\0\0\x000e", data=u8(6) + W, error=FORMAT, message="", head=HEAD):
    add("legacy/" + name, head + pkl(body) + b"\x80\x02" + keys + b"." + data, error, message)


LS = legacy_storage("FloatStorage", "0", 6)
LW = dic("w", view(LS, 0, [6], [1]))
ok = HEAD + pkl(LW) + b"\x80\x02](X\x01\0\0\x000e." + u8(6) + W
for n in (
    12,
    len(MAGIC),
    len(MAGIC) + 3,
    len(HEAD),
    len(HEAD) + 20,
    len(ok) - 33,
    len(ok) - 28,
    len(ok) - 24,
    len(ok) - 1,
):
    message = "truncated" if n > len(MAGIC) - 1 else "byte 0: a pickle that torch.save did not write"
    add(f"legacy/cut_at_{n}", ok[:n], FORMAT, "unterminated line" if n == 90 else message)
for n in (1 << 63) - 1, -1, -(1 << 63), 1 << 62, 5, 7, 0:
    legacy(f"count_{n}", LW, data=u8(n) + W, message=f'byte 226: storage "0": {n % (1 << 64)} elements, 6 declared')
legacy("data_missing", LW, data=b"", message='byte 226: storage "0": truncated file')
legacy("keys_missing", LW, keys=b"]", message='the file has no bytes of storage "0"')
legacy("keys_number", LW, keys=b"](K\x00e", message='storage "" is unknown')
legacy("keys_no_list", LW, keys=b"K\x05", message="without list of storages")
legacy(
    "keys_twice",
    LW,
    keys=b"](X\x01\0\0\x000X\x01\0\0\x000e",
    data=(u8(6) + W) * 2,
    message='byte 264: storage "0" is unknown or listed twice',
)
legacy("keys_unknown", LW, keys=b"](X\x01\0\0\x001e", message='storage "1" is unknown')
legacy("keys_more", LW, keys=b"](X\x01\0\0\x000X\x01\0\0\x001e", message='byte 264: storage "1" is unknown')
legacy("keys_of_os", LW, keys=glob("os", "system") + CALL, error=GLOBAL, message="os.system")
legacy("keys_in_itself", LW, keys=b"]q\x00h\x00a", message='storage "" is unknown')
legacy("keys_million", LW, keys=b"](" + b"X\x01\0\0\x000" * 1000000 + b"e", error=LIMIT, message=VALUES)
legacy("os_system", glob("os", "system") + CALL, error=GLOBAL, message="os.system")
legacy("magic_then_os", LW, head=MAGIC + pkl(glob("posix", "system") + CALL), error=GLOBAL, message="posix.system")
legacy(
    "info_of_os",
    LW,
    head=MAGIC + b"\x80\x02M\xe9\x03." + pkl(glob("posix", "system") + CALL),
    error=GLOBAL,
    message="posix.system",
)
legacy(
    "protocol_1002",
    LW,
    head=HEAD.replace(b"M\xe9\x03.", b"M\xea\x03."),
    message="byte 15: a legacy format of an unknown version",
)
legacy("view_beyond", dic("w", view(LS, 0, [7], [1])), message="reaches element 6 of a storage of 6")
legacy(
    "count_2^60",
    dic("w", view(legacy_storage("FloatStorage", "0", BIG), 0, [BIG], [1])),
    message="more than the file has",
)
legacy(
    "two_sizes",
    dic("w", view(LS, 0, [6], [1]), "x", view(legacy_storage("DoubleStorage", "0", 6), 0, [6], [1])),
    message="declared twice, of 24 and 48 bytes",
)
legacy(
    "storage_view_beyond",
    dic("w", view(legacy_storage("FloatStorage", "0", 6, tup(text("1"), num(4), num(4))), 0, [4], [1])),
    message="elements 4 to 4+4 of a storage of 6",
)
legacy(
    "storage_view_negative",
    dic("w", view(legacy_storage("FloatStorage", "0", 6, tup(text("1"), num(-4), num(4))), 0, [4], [1])),
    message="elements -4 to -4+4 of a storage of 6",
)
legacy(
    "storage_view_no_tuple",
    dic("w", view(legacy_storage("FloatStorage", "0", 6, num(1)), 0, [4], [1])),
    message="a part of a storage that is no tuple of three",
)
legacy("string_4G", b"X\xff\xff\xff\xff", error=LIMIT, message="byte 72: BINUNICODE of 4294967295 bytes")
legacy("self", b"]q\x00h\x00a", error=LIMIT, message="Limits.Nesting")
legacy("deep", b"]" * 100000 + b"a" * 99999, error=LIMIT, message="Limits.Nesting")
legacy(
    "module_of_source",
    tup(text("module"), glob("os", "system"), text("x.py"), text("import os")) + b"Q",
    error=GLOBAL,
    message="os.system",
)
legacy(
    "million_storages",
    dic(
        *[x for n in range(1000) for x in (f"w{n}", view(legacy_storage("FloatStorage", str(n), 1 << 40), 0, [1], [1]))]
    ),
    keys=b"](" + b"".join(text(str(n)) for n in range(1000)) + b"e",
    message='tensor "w0": damaged: storage "0" of 1099511627776 elements of float32, more than the file has',
)

# --- The tar format of PyTorch before 0.1.10 ----------------------------------------------------------


def tar(name, parts, error=FORMAT, message="", end=bytes(1024), edit=lambda n, h: h):
    out = b""
    for n, data in parts:
        h = bytearray(512)
        h[: len(n)] = n.encode()
        h[100:108], h[108:116], h[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
        h[124:136], h[136:148], h[148:156] = b"%011o\0" % len(data), b"00000000000\0", b" " * 8
        h[156:157], h[257:265] = b"0", b"ustar\x0000"
        h = edit(n, h)
        h[148:156] = b"%06o\0 " % sum(h)
        out += h + data + bytes(-len(data) % 512)
    add("tar/" + name, out + end, error, message)


def stores(*items):
    return pkl(num(len(items))) + b"".join(
        pkl(tup(text(k), text("cpu"), glob("torch", c))) + u8(n) + d for k, c, n, d in items
    )


def tensor_record(key, storage_key, shape, stride, offset):
    return (
        pkl(tup(num(key), num(storage_key), glob("torch", "FloatTensor")))
        + struct.pack("<i", len(shape))
        + bytes(4)
        + b"".join(map(u8, shape))
        + b"".join(map(u8, stride))
        + u8(offset)
    )


ST = pkl(num(1)) + pkl(tup(num(0), text("cpu"), glob("torch", "FloatStorage"))) + u8(6) + W + pkl(b"]")
TE = pkl(num(1)) + tensor_record(1, 0, [6], [1], 0)
PK = pkl(dic("w", num(1) + b"Q"))
tar("only_pickle", [("pickle", PK)], FORMAT, 'a tar file without "storages"')
tar(
    "empty_members",
    [("storages", b""), ("tensors", b""), ("pickle", b"")],
    FORMAT,
    "storages: byte 512: truncated pickle",
)
tar(
    "evil_pickle",
    [("storages", ST), ("tensors", TE), ("pickle", EVIL)],
    GLOBAL,
    "pickle: byte 2562: Trying to load unsupported GLOBAL os.system",
)  # CVE-2025-32434
tar("evil_storages", [("storages", EVIL), ("tensors", TE), ("pickle", PK)], GLOBAL, "os.system")
tar("evil_tensors", [("storages", ST), ("tensors", EVIL), ("pickle", PK)], GLOBAL, "os.system")
tar("evil_second", [("storages", ST), ("tensors", TE), ("pickle", PK), ("pickle", EVIL)], FORMAT, "entry occurs twice")
tar("traversal", [("../storages", ST), ("../tensors", TE), ("../pickle", PK)], FORMAT, 'a tar file without "storages"')
tar(
    "size_2^33",
    [("storages", ST), ("tensors", TE), ("pickle", PK)],
    FORMAT,
    "storages: byte 512: truncated file",
    edit=lambda n, h: h[:124] + b"77777777777\0" + h[136:],
)
tar(
    "size_negative",
    [("storages", ST), ("tensors", TE), ("pickle", PK)],
    FORMAT,
    "damaged or truncated tar file",
    edit=lambda n, h: h[:124] + b"\xff" * 12 + h[136:],
)
tar(
    "links",
    [("storages", b""), ("tensors", b""), ("pickle", b"")],
    FORMAT,
    "storages: byte 512: not a plain file",
    edit=lambda n, h: h[:156] + b"2/etc/passwd" + h[168:],
)
tar(
    "storages_million",
    [("storages", pkl(num(1000000))), ("tensors", TE), ("pickle", PK)],
    FORMAT,
    "storages: byte 525: truncated pickle",
)
tar(
    "storage_2^60",
    [("storages", ST.replace(u8(6) + W, u8(BIG) + W)), ("tensors", TE), ("pickle", PK)],
    FORMAT,
    "28 bytes are left",
)
tar(
    "storage_negative",
    [("storages", ST.replace(u8(6) + W, u8(-6) + W)), ("tensors", TE), ("pickle", PK)],
    FORMAT,
    "28 bytes are left",
)
tar(
    "tensor_axes_2^31",
    [
        ("storages", ST),
        (
            "tensors",
            pkl(num(1)) + pkl(tup(num(1), num(0), glob("torch", "FloatTensor"))) + b"\xff\xff\xff\x7f" + bytes(100),
        ),
        ("pickle", PK),
    ],
    LIMIT,
    "Limits.Dims",
)
tar(
    "tensor_beyond",
    [("storages", ST), ("tensors", pkl(num(1)) + tensor_record(1, 0, [7], [1], 0)), ("pickle", PK)],
    FORMAT,
    "reaches element 6 of a storage of 6",
)
tar(
    "tensor_2^64",
    [("storages", ST), ("tensors", pkl(num(1)) + tensor_record(1, 0, [1 << 32, 1 << 32], [0, 0], 0)), ("pickle", PK)],
    FORMAT,
    MEMORY,
)
tar(
    "tensor_no_storage",
    [("storages", ST), ("tensors", pkl(num(1)) + tensor_record(1, 9, [6], [1], 0)), ("pickle", PK)],
    FORMAT,
    "a tensor of no storage",
)
tar(
    "tensor_of_none",
    [("storages", ST), ("tensors", TE), ("pickle", pkl(dic("w", num(7) + b"Q")))],
    FORMAT,
    "a persistent id of no tensor and no storage",
)
tar("pickle_self", [("storages", ST), ("tensors", TE), ("pickle", pkl(b"]q\x00h\x00a"))], LIMIT, "Limits.Nesting")
tar(
    "no_end",
    [("storages", ST), ("tensors", TE), ("pickle", PK[:20])],
    FORMAT,
    "pickle: byte 2570: truncated pickle",
    end=b"",
)

# --- Other things under the name of a checkpoint ------------------------------------------------------

for name, data, message in (
    ("empty", b"", "empty file"),
    ("byte", b"P", "neither"),
    ("zeros", bytes(100000), "byte 0: neither"),
    ("text", b"hello", "neither"),
    ("bare_pickle", EVIL, "a pickle that torch.save did not write"),
    ("bare_pickle_4", b"\x80\x04" + EVIL[2:], "torch.save did not write"),
    ("bare_pickle_0", b"cos\nsystem\n(S'echo'\ntR.", "neither"),
    ("html", b"<!DOCTYPE html><html>", "download went wrong"),
    ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
    ("gguf", b"GGUF\x03\0\0\0" + b"\xff" * 64, "GGUF"),
    ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    ("numpy", b"\x93NUMPY\x01\0v\0{'descr': '|O'}", "NumPy"),
    ("gzip", b"\x1f\x8b\x08" + bytes(20), "gzip"),
    ("zstd", b"\x28\xb5\x2f\xfd" + bytes(20), "Zstandard"),
    ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(50), "byte 0: neither"),
    ("xz", b"\xfd7zXZ\0" + bytes(50), "byte 0: neither"),
    ("rar", b"Rar!\x1a\x07\0" + bytes(50), "byte 0: neither"),
    ("elf", b"\x7fELF\x02\x01\x01" + bytes(100), "byte 0: neither"),
    ("empty_zip", b"PK\x05\x06" + bytes(18), "empty zip"),
    ("zip_signature", b"PK\x03\x04", "damaged or truncated"),
    ("zip_signatures", b"PK\x03\x04PK\x01\x02PK\x05\x06" * 100, "damaged or truncated zip file"),
    ("npz", entries(("arr_0.npy", b"\x93NUMPY\x01\0v\0")), "NumPy"),
    ("ones", b"\xff" * 5000, "byte 0: neither"),
    ("json", b'{"a": 1}', "JSON"),
):
    add("other/" + name, data, FORMAT, message)
add("other/zip_in_safetensors", u8(len(GOOD) + 2) + b"{" + GOOD + b"}", FORMAT, "header: not UTF-8")

# --- Values that contain themselves where they could be printed ---------------------------------------

ITSELF = b"]q\x63h\x63a"
legacy(
    "storage_view_of_itself",
    dic("w", view(legacy_storage("FloatStorage", "0", 6, tup(text("1"), ITSELF, num(4))), 0, [4], [1])),
    message='tensor "w": damaged: a part of a storage without offset or count',
)
legacy(
    "storage_view_of_itself_long",
    dic("w", view(legacy_storage("FloatStorage", "0", 6, tup(text("1"), num(0), ITSELF)), 0, [4], [1])),
    message='tensor "w": damaged: a part of a storage without offset or count',
)
for name, body, message in (
    ("device", glob("torch", "device") + tup(text("cuda"), ITSELF) + b"R", "a value in itself"),
    ("device_alone", glob("torch", "device") + tup(ITSELF) + b"R", "a value in itself"),
    ("Size", glob("torch", "Size") + tup(ITSELF) + b"R", "a value in itself"),
    ("complex", glob("builtins", "complex") + tup(ITSELF, ITSELF) + b"R", "a value in itself"),
    ("set", glob("builtins", "set") + tup(b"]q\x63(" + b"K\x01h\x63\x86K\x02e") + b"R", "a value in itself"),
    ("Namespace", glob("argparse", "Namespace") + b")R" + b"}q\x63" + text("a") + b"h\x63sb", "a value in itself"),
    ("Counter", glob("collections", "Counter") + tup(b"}q\x63" + text("a") + b"h\x63s") + b"R", "a value in itself"),
    ("bytearray", glob("builtins", "bytearray") + tup(ITSELF) + b"R", "a value in itself"),
    ("numpy_scalar", glob("numpy.core.multiarray", "scalar") + tup(ITSELF, ITSELF) + b"R", "a value in itself"),
):
    pickled("self/value_of_" + name, dic("a", body), LIMIT, message)
for name, body, message in (
    ("key_of_storage", tup(text("storage"), glob("torch", "FloatStorage"), ITSELF, text("cpu"), num(1)) + b"Q", NO_ID),
    ("count", tup(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"), ITSELF) + b"Q", NO_ID),
    ("offset", V2 + tup(storage("FloatStorage", "0", 6), ITSELF, nums(1), nums(1), b"\x89", b"}") + b"R", "no offset"),
    ("shape", V2 + tup(storage("FloatStorage", "0", 6), num(0), ITSELF, nums(1), b"\x89", b"}") + b"R", "shape: not a"),
    (
        "extent",
        V2 + tup(storage("FloatStorage", "0", 6), num(0), tup(ITSELF), nums(1), b"\x89", b"}") + b"R",
        "shape: not a",
    ),
    (
        "dtype",
        V3 + tup(storage("FloatStorage", "0", 6), num(0), nums(1), nums(1), b"\x89", b"}", ITSELF) + b"R",
        "dtype",
    ),
    ("text_to_encode", glob("_codecs", "encode") + tup(ITSELF, text("latin1")) + b"R", "else than latin1"),
    ("items", glob("collections", "OrderedDict") + tup(ITSELF) + b"R", "else than pairs"),
    ("parameter", PARAMETER + tup(ITSELF, b"\x89", b"N") + b"R", "a parameter of something else"),
):
    pickled("self/" + name, dic("w", body), FORMAT, message, storages={"0": W})
pickled(
    "memo/value_often",
    b"}("
    + text("v")
    + glob("argparse", "Namespace")
    + b")R}"
    + text("a")
    + b"]("
    + b"N" * 1000
    + b"esbq\x00"
    + b"".join(text(f"v{n}") + b"h\x00" for n in range(1000))
    + b"u",
    LIMIT,
    "parts of values",
)

# --- More names that published attacks used -----------------------------------------------------------

for what in """torch.jit.annotations.parse_type_line torch.jit.frontend.get_jit_def torch._C._jit_set_profiling_mode
 torch.utils.bottleneck.__main__.run_cprofile torch.utils.bottleneck.__main__.run_autograd_prof
 torch.utils.collect_env.run torch.utils.data.datapipes.utils.decoder.basichandlers torch.utils.cpp_extension.load
 torch.utils.show_pickle.main torch.nn.modules.module._load_from_bytes torch.serialization.add_safe_globals
 torch._weights_only_unpickler.load torch.package._importlib._normalize_path torch.compile torch.ops.load_library
 torch.classes.load_library torch._dynamo.utils.load torch.fx.graph_module._exec_with_source
 torch.distributed.run.main torch.multiprocessing.spawn torch.FloatStorage._load_from_bytes
 torch._tensor._rebuild_from_type torch._utils._rebuild_sparse_csr_tensor torch._utils._rebuild_nested_tensor
 torch._subclasses.fake_tensor.FakeTensor pickle.Unpickler pickle._Unpickler.load_build pickletools.dis
 pydoc.pipepager cgitb.lookup imaplib.IMAP4_stream idlelib.run.Executive.runcode xmlrpc.client.ServerProxy
 smtplib.SMTP ftplib.FTP nntplib.NNTP telnetlib.Telnet poplib.POP3 ssl.get_server_certificate venv.create
 turtledemo.__main__.main test.support.script_helper.assert_python_ok distutils.spawn.spawn
 distutils.file_util.write_file
 setuptools.sandbox.run_setup pty.spawn platform.popen os.popen os.execve nt.startfile winreg.CreateKey
 signal.signal threading.Thread atexit.register sys.settrace builtins.setattr builtins.delattr builtins.globals
 builtins.breakpoint builtins.map builtins.filter builtins.iter builtins.print __builtin__.execfile __builtin__.file
 builtins.bytes.fromhex builtins.dict.fromkeys builtins.list.append functools.partialmethod itertools.starmap
 operator.call operator.itemgetter operator.setitem copyreg.add_extension copyreg._extension_registry.clear
 collections.UserDict collections.ChainMap collections.OrderedDict.move_to_end numpy.core.multiarray.fromfile
 numpy.core._multiarray_umath._reconstruct numpy.ctypeslib.load_library numpy.distutils.exec_command.exec_command
 numpy.lib.npyio.load numpy.vectorize argparse.ArgumentParser argparse.FileType argparse.Namespace.__init__
 sklearn.externals.joblib.load pandas.read_pickle pandas.eval dill.loads jsonpickle.decode yaml.unsafe_load
 fairseq.checkpoint_utils.load_checkpoint_to_cpu pytorch_lightning.core.saving.load_from_checkpoint
 transformers.AutoModel.from_pretrained""".split():
    module, name = what.rsplit(".", 1)
    pickled("reduce/" + what, glob(module, name) + CALL, GLOBAL, what)

pickled("reduce/torch.storage.TypedStorage", glob("torch.storage", "TypedStorage") + CALL, FORMAT, "Trying to call reduce")

# --- Indexes of shards --------------------------------------------------------------------------------

# The test opens them in a directory in which the files sound/shard_… and index_shard/… lie under the part
# of the name that is …; a file outside it is not to be opened.
add("sound/shard_a", u8(len(A) + 2) + ("{" + A + "}").encode() + bytes(8), "none")
B8 = t("b", "U8", "[3]", 0, 3)
add("sound/shard_b", u8(len(B8) + 2) + ("{" + B8 + "}").encode() + bytes(3), "none")
AB = A + "," + B
add("sound/shard_ab", u8(len(AB) + 2) + ("{" + AB + "}").encode() + bytes(11), "none")
add("sound/shard_w", GOOD, "none")


def shards(name, body, error=FORMAT, message=""):
    add("index/" + name, body if isinstance(body, bytes) else body.encode(), error, message)


def mapping(**keys):
    return '{"metadata":{"total_size":11},"weight_map":' + json.dumps(keys) + "}"


for n, name in enumerate(
    (
        "../secret",
        "..",
        ".",
        "",
        "/secret",
        "/etc/passwd",
        "./a",
        "a/",
        "a/../a",
        "sub/a",
        "..\\secret",
        "\\\\server\\share\\a",
        "C:\\a",
        "C:a",
        "a\0",
        "a\0.bin",
        "file:///etc/passwd",
        "https://example.com/a",
        "gs://bucket/a",
        "a:stream",
    )
):
    shards(f"name_{n}", mapping(a=name), message="is not the plain name of a file")
    shards(f"name_{n}_second", mapping(a="a", b=name), message="is not the plain name of a file")
shards("name_escaped", '{"weight_map":{"a":"\\u002e\\u002e\\u002fsecret"}}', message="is not the plain name of a file")
shards("shard_missing", mapping(a="none"), message='shard "none"')
shards("shard_missing_second", mapping(a="a", b="none"), message='shard "none"')
shards("shard_name_long", mapping(a="a" * 100000), message="shard")
shards("itself", mapping(a="index.json"), message='shard "index.json"')
shards("itself_second", mapping(a="a", b="index.json"), message='shard "index.json"')
shards("key_missing", mapping(a="a", b="b", c="b"), message='tensor "c": shard "b" does not have it')
shards("key_elsewhere", mapping(a="b", b="a"), message="has it, but not according to the index")
shards("key_twice", '{"weight_map":{"a":"a","a":"ab","b":"ab"}}', message="occurs twice")
shards("key_twice_escaped", '{"weight_map":{"a":"a","\\u0061":"ab","b":"ab"}}', message="occurs twice")
shards("key_in_two_shards", mapping(a="a", b="ab"), message='tensor "a": shard "ab" has it, but not')
shards("key_more", mapping(a="ab"), message='tensor "b": shard "ab" has it, but not')
shards("key_long", mapping(**{"a" * 1000000: "a"}), message="has it, but not")
shards("key_of_another_case", mapping(A="a"), message='tensor "a": shard "a" has it, but not')
shards("map_twice", '{"weight_map":{"a":"a"},"weight_map":{"b":"b"}}', message="occurs twice")
shards("map_missing", '{"metadata":{"total_size":8}}', message="no weight_map")
shards("map_empty", '{"weight_map":{}}', message="no weight_map")
shards("map_inside", '{"metadata":{"weight_map":{"a":"a"}}}', message="no weight_map")
for name, value in dict(list='["a"]', null="null", number="7", text='"a"', true="true").items():
    shards("map_" + name, '{"weight_map":' + value + "}", message="where { should be")
    shards(
        "shard_" + name, '{"weight_map":{"a":' + (value if name != "text" else "[]") + "}}", message="where a string"
    )
shards("shard_object", '{"weight_map":{"a":{"file":"a"}}}', message="where a string should be")
shards("map_huge", mapping(**{f"k{n}": "a" for n in range(5000)}), message="has it, but not according to the index")
shards("map_of_many_shards", mapping(**{f"k{n}": f"s{n}" for n in range(5000)}), message='shard "s0"')
shards(
    "map_of_many_keys_more",
    mapping(a="a", **{f"k{n}": "a" for n in range(5000)}),
    message='tensor "k0": shard "a" does not',
)
shards("not_UTF-8", b'{"weight_map":{"a\xff":"a"}}', message="not UTF-8")
shards("surrogate", '{"weight_map":{"a\\ud800":"a"}}', message="has it, but not")
shards("UTF-16", mapping(a="a").encode("utf-16-le"), message="damaged index of shards")
shards("byte_order_mark", b"\xef\xbb\xbf" + mapping(a="a").encode(), message="byte 0: neither")
shards("text_after", mapping(a="a") + "{}", message="text after the last brace")
shards("zero_after", mapping(a="a") + "\0", message="text after the last brace")
shards("cut", mapping(a="a")[:-1], message="damaged index of shards")
shards("cut_in_text", mapping(a="a")[:-3], message="damaged index of shards")
shards("comma_after", '{"weight_map":{"a":"a",}}', message="damaged index of shards")
shards("single_quotes", "{'weight_map':{'a':'a'}}", message="damaged index of shards")
shards(
    "nested_objects", '{"metadata":' + '{"a":' * 100000 + "1" + "}" * 100000 + "}", message="damaged index of shards"
)
shards("nested_lists", '{"metadata":' + "[" * 1000000, message="damaged index of shards")
shards("nested_in_map", '{"weight_map":' + '{"a":' * 100000, message="where a string should be")
shards("digits", '{"metadata":' + "9" * 1000000 + ',"weight_map":{"a":"none"}}', message='shard "none"')
shards("exponent", '{"metadata":1e999999999,"weight_map":{"a":"none"}}', message='shard "none"')
shards("key_open", '{"' + "k" * 1000000, message="damaged index of shards")
shards("spaces", "{" + " " * 1000000, message="damaged index of shards")
shards("fields", "{" + ",".join(f'"{n}":0' for n in range(10000)) + "}", message="no weight_map")
for name, data, error, message in (
    ("evil", archive(glob("os", "system") + CALL), GLOBAL, "os.system"),
    ("html", b"<!DOCTYPE html>", FORMAT, "download went wrong"),
    ("empty", b"", FORMAT, "empty file"),
    ("index", mapping(a="a").encode(), FORMAT, "JSON"),
    ("cut", GOOD[:300], FORMAT, "damaged or truncated zip file"),
    ("self", archive(b"]q\x00h\x00a"), LIMIT, "Limits.Nesting"),
):
    add("index_shard/" + name, data, error, message)
    shards("shard_is_" + name, mapping(a="a", w=name), error, message)
shards("good", mapping(a="a", b="b"), "none")
files["sound/index"] = files.pop("index/good")
index[-1]["file"] = "sound/index"

# --- Sound files of the same making, without which the ones above would prove little ------------------

add("sound/zip", GOOD, "none")
add("sound/zip_deflated", archive(dic("w", floats("0", 6)), {"0": W}, method=zipfile.ZIP_DEFLATED), "none")
add("sound/zip_by_hand", deflated(dic("w", view(storage("ByteStorage", "0", M), 0, [M], [1])), {"0": M}), "none")
add("sound/zip64", zip64(GOOD, "a/data/0", len(W)), "none")
add("sound/safetensors", u8(len(A + B) + 3) + ("{" + A + "," + B + "}").encode() + bytes(11), "none")
add("sound/legacy", ok, "none")
legacy(
    "part",
    dic("w", view(legacy_storage("FloatStorage", "0", 6, tup(text("1"), num(2), num(4))), 0, [4], [1])),
    error="none",
)
files["sound/legacy_part"] = files.pop("legacy/part")
index[-1]["file"] = "sound/legacy_part"
tar("good", [("storages", ST), ("tensors", TE), ("pickle", PK)], "none")
files["sound/tar"] = files.pop("tar/good")
index[-1]["file"] = "sound/tar"

with zipfile.ZipFile("hostile.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
    for name, data in [*files.items(), ("index.json", json.dumps(index, indent=0).encode())]:
        i = zipfile.ZipInfo(name)
        i.compress_type = zipfile.ZIP_DEFLATED
        z.writestr(i, data, compresslevel=9)
print(len(files), "files,", sum(map(len, files.values())), "bytes,", os.path.getsize("hostile.zip"), "compressed")
