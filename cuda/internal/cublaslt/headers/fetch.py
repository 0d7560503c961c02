"""Brings cuBLASLt's headers, which headers.cpp is held against, into a folder:

    python3 fetch.py DIRECTORY [12]

They are version 13's, or version 12's. ../../cudnn/headers/fetch.py says how.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cudnn/headers"))
import fetch

VERSIONS = {
    "13": ("nvidia-cublas==13.4.1.3", {
        "cublasLt.h": "c6284e0a11864bcd89f59f9b326d85a51dcad415d4e6afde3f49f5b8321c6bd1",
        "cublas_api.h": "767d59dfbaf68e1b6cf6fa75071f3dd325d4d47e56e28eb293291507a0c072ed",
    }),
    "12": ("nvidia-cublas-cu12==12.9.1.4", {
        "cublasLt.h": "668ffbafe6511d692887201fd632e8b63c74281196621eef5769ba7cb33b4c5a",
        "cublas_api.h": "d5db72cba4c8401fb29a8447e64e6b9c125a30de2c3e385242de657fe4e96cbe",
    }),
}

if __name__ == "__main__":
    fetch.main(sys.argv[1], *VERSIONS[sys.argv[2] if len(sys.argv) > 2 else "13"])
