"""Prints how cuDNN describes the first GPU, as JSON: with such a description cuDNN plans for a GPU that is not there.

    python deviceproperties.py
"""
import ctypes
import glob
import json
import os
import sys

DEVICEPROP_DESCRIPTOR = 38
TYPE_HANDLE, TYPE_CHAR = 0, 24
HANDLE, JSON_REPRESENTATION = 2701, 2702


def library():
    """cuDNN, where the loader or a wheel has it."""
    places = ["libcudnn.so.9"]
    for folder in sys.path:
        places += glob.glob(os.path.join(folder, "nvidia", "*", "lib", "libcudnn.so.9"))
    errors = []
    for place in places:
        try:
            return ctypes.CDLL(place)
        except OSError as e:
            errors.append(str(e))
    sys.exit("no cuDNN: " + "; ".join(errors))


def main():
    cudnn = library()

    def call(name, *arguments):
        status = getattr(cudnn, name)(*arguments)
        if status:
            text = ctypes.create_string_buffer(1000)
            cudnn.cudnnGetLastErrorString(text, ctypes.c_size_t(1000))
            sys.exit(f"{name}: {status} {text.value.decode(errors='replace')}")

    handle, properties = ctypes.c_void_p(), ctypes.c_void_p()
    call("cudnnCreate", ctypes.byref(handle))
    call("cudnnBackendCreateDescriptor", DEVICEPROP_DESCRIPTOR, ctypes.byref(properties))
    call("cudnnBackendSetAttribute", properties, HANDLE, TYPE_HANDLE, ctypes.c_int64(1), ctypes.byref(handle))
    call("cudnnBackendFinalize", properties)
    count, text = ctypes.c_int64(), ctypes.create_string_buffer(1 << 16)
    call("cudnnBackendGetAttribute", properties, JSON_REPRESENTATION, TYPE_CHAR, ctypes.c_int64(len(text)),
         ctypes.byref(count), text)
    print(json.dumps(json.loads(text.value.decode()), indent=1))


if __name__ == "__main__":
    main()
