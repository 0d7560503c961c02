"""Brings cuDNN's headers, which headers.cpp is held against, into a folder:

    python3 fetch.py DIRECTORY

They are in a wheel of 519 MB. pip says where that is, as it is configured here,
and only the parts of the file with its directory and the headers are read, some
hundred kilobytes. What is read must be what it was when this was written.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import urllib.request
import zipfile

WHEEL = "nvidia-cudnn-cu13==9.26.0.51"
HEADERS = {
    "cudnn_graph.h": "a63e3f6c6bfebda70d055b63ead879be10c58fead1ab09de39db08534523f9b3",
    "cudnn_version.h": "9741f36ce53727a22cb6135f5e14c249113ae208e8bde725c008ae3e1e489f74",
}
BLOCK = 1 << 16


class RemoteFile(io.RawIOBase):
    """A file at a URL, read a block at a time."""

    def __init__(self, url):
        self.url, self.at, self.blocks = url, 0, {}
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=60) as reply:
            self.size = int(reply.headers["Content-Length"])

    def seekable(self):
        return True

    def readable(self):
        return True

    def seek(self, offset, whence=os.SEEK_SET):
        self.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size}[whence]
        return self.at

    def tell(self):
        return self.at

    def block(self, number):
        if number not in self.blocks:
            first = number * BLOCK
            last = min(first + BLOCK, self.size) - 1
            request = urllib.request.Request(self.url, headers={"Range": f"bytes={first}-{last}"})
            with urllib.request.urlopen(request, timeout=60) as reply:
                if reply.status != 206:
                    raise OSError("the registry does not send parts of files")
                self.blocks[number] = reply.read()
        return self.blocks[number]

    def readinto(self, buffer):
        number, skip = divmod(self.at, BLOCK)
        part = self.block(number)[skip : skip + len(buffer)] if self.at < self.size else b""
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


def main(directory, wheel_name=WHEEL, headers=HEADERS):
    report = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
        + ["--disable-pip-version-check", "--report", "-", wheel_name],
        check=True, stdout=subprocess.PIPE,
    ).stdout
    url = json.loads(report)["install"][0]["download_info"]["url"]
    wheel = RemoteFile(url)
    with zipfile.ZipFile(io.BufferedReader(wheel, BLOCK)) as archive:
        for name in archive.namelist():
            header = os.path.basename(name)
            if not name.endswith("/include/" + header) or header not in headers:
                continue
            data = archive.read(name)
            if hashlib.sha256(data).hexdigest() != headers[header]:
                sys.exit(f"{header} is not what it was")
            with open(os.path.join(directory, header), "wb") as file:
                file.write(data)
    missing = [h for h in headers if not os.path.exists(os.path.join(directory, h))]
    if missing:
        sys.exit(f"{wheel_name} has no {missing}")
    print(f"{sum(map(len, wheel.blocks.values()))} bytes read of {wheel.size}")


if __name__ == "__main__":
    main(sys.argv[1])
