#!/usr/bin/env python3
"""Writes matrix_cases.json beside this file: what write_test.go writes, and what
matrix_check.py expects torch and safetensors to read from that.

    python matrix_cases.py

Byte n of tensor number t of a case is (37 n + 11 t + n // 251) mod 256, or 1 or 0 for n % 3 == t % 3
if it is bool. A tensor with "of" is a view of the elements from "at" of an earlier one. A key that
begins with "-" is memory only, and not written. "torch" cases are not written as safetensors.
"""
import json, os

os.chdir(os.path.dirname(os.path.abspath(__file__)))
DTYPES = ["float32", "float16", "bfloat16", "float64", "int64", "int32", "uint8", "bool", "int8", "int16",
          "complex64", "complex128", "uint16", "uint32", "uint64"]
cases = []


def case(name, *tensors, **more):
    fields = "key", "dtype", "shape", "of", "at"
    cases.append(dict(name=name, tensors=[dict(zip(fields, t)) for t in tensors], **more))


for d in DTYPES:
    more = dict(torch=True) if d == "complex128" else {}  # which safetensors does not have
    case(f"{d}_vector", ("w", d, [5]), **more)
    case(f"{d}_matrix", ("layer.weight", d, [3, 7]), **more)
    case(f"{d}_scalar", ("count", d, []), **more)
    case(f"{d}_empty", ("none", d, [0]), ("after", d, [2]), **more)
for name, shape in dict(ones=[1, 1, 1, 1], empty_inside=[3, 0, 2], empty_first=[0, 4], line=[16], lines=[4, 4, 2],
                        odd=[7, 5, 3], eight_axes=[2, 1, 2, 1, 2, 1, 2, 3], kilobytes=[33, 129]).items():
    case(name, ("conv.weight", "float32", shape), ("conv.bias", "float32", [3]))
case("nothing")
case("all_types", *[(f"t.{d}", d, [3, 2]) for d in DTYPES if d != "complex128"])
case("tied", ("embedding.weight", "float32", [6, 4]), ("decoder.weight", "float32", [6, 4], "embedding.weight", 0))
case("row_first", ("all", "float16", [6, 4]), ("row", "float16", [4], "all", 8), ("tail", "float16", [3], "all", 21))
case("base_unwritten", ("-all", "int64", [20]), ("a", "int64", [4], "-all", 10), ("b", "int64", [2, 2], "-all", 12),
     ("c", "int64", [3], "-all", 0))
case("apart", ("-all", "float32", [20]), ("a", "float32", [2], "-all", 10), ("b", "float32", [2], "-all", 12))
case("chain", ("-all", "bfloat16", [30]), ("c", "bfloat16", [10], "-all", 18), ("a", "bfloat16", [10], "-all", 2),
     ("b", "bfloat16", [10], "-all", 10), ("d", "bfloat16", [2, 2], "-all", 12))
case("bytes_tied", ("a", "uint32", [6]), ("b", "uint32", [2], "a", 3), ("c", "uint32", [2, 2], "a", 1))
case("versions", ("backbone.bn.weight", "float32", [2]), ("backbone.bn.num_batches_tracked", "int64", []),
     ("head.0.bias", "float32", [1]), versions={"": 1, "backbone": 3, "backbone.bn": 2, "head.0": 70000, "unused": 1})
case("names", ("", "float32", [1]), ("a b\n\t\"\\/<&>", "float32", [2]), ("größe.数.\u2028.😀", "float32", [3]),
     ("\x01\x7f", "float32", [4]), ("x" * 300, "float32", [5]))
case("many", *[(f"blocks.{i}.weight", DTYPES[i % 8], [i % 4, 2]) for i in range(2300)])
case("metadata", ("w", "float32", [1]), metadata={"licence": "Apache-2.0\n"})
with open("matrix_cases.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases,", sum(len(c["tensors"]) for c in cases), "tensors")
