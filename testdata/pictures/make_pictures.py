"""Makes small pictures in the modes, subsamplings, orientations and formats that people have, and golden.json: what
Pillow and torch make of each.

    python make_pictures.py             # in this directory

The committed files were made with Pillow 13.0.0 (libjpeg-turbo 3.2.0, libwebp 1.6.0, libtiff 4.7.2) and torch 2.15.0.

golden.json has for each file its mode, the size and the beginning of the SHA-256 of Image.open(FILE).convert("RGB"), 24
of its samples (which make a difference readable), the same after ImageOps.exif_transpose where that turns it and of all
frames of an animated GIF, and, for each rule and size that it is resized to, the digest of the result:
    pil NAME        Image.resize with that filter
    torch NAME      interpolate(uint8, mode=NAME, antialias=True)
    float NAME      interpolate(float32 0..1, mode=NAME, antialias=True): 12 values, since the last bits are torch's own
    plain NAME      the same with antialias=False
"""
import hashlib, io, json, os, struct, warnings, zlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, ImageSequence

warnings.simplefilter("ignore")
torch.set_num_threads(1)
rng = np.random.default_rng(60)
golden = {}
RESAMPLING = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16]


def spread(a, n):
    flat = np.ascontiguousarray(a).ravel()
    at = [int(i) for i in np.linspace(0, len(flat) - 1, min(n, len(flat))).astype(int)]
    return [[i, round(float(flat[i]), 8)] for i in at]


def resizes(im):
    w, h = im.size
    scale = 24 / min(w, h)
    a = np.asarray(im)
    out = {}
    for ow, oh in {(max(1, min(200, int(w * scale))), max(1, min(200, int(h * scale)))), (45, 13)}:
        for name in RESAMPLING:
            out[f"pil {name} {ow}x{oh}"] = digest(np.asarray(im.resize((ow, oh), Image.Resampling[name.upper()])))
        x = torch.from_numpy(a.copy()).permute(2, 0, 1)[None]
        for name in ("bilinear", "bicubic"):
            y = F.interpolate(x, size=(oh, ow), mode=name, antialias=True)
            out[f"torch {name} {ow}x{oh}"] = digest(y[0].permute(1, 2, 0).numpy())
        planes = x.contiguous().float() / 255
        for name, kind, antialias in (("bilinear", "float", True), ("bicubic", "float", True), ("bilinear", "plain", False)):
            y = F.interpolate(planes, size=(oh, ow), mode=name, antialias=antialias, align_corners=False)
            out[f"{kind} {name} {ow}x{oh}"] = spread(y[0].numpy(), 12)
    return out


def keep(name, data):
    with open(name, "wb") as f:
        f.write(data)
    im = Image.open(io.BytesIO(data))
    im.load()
    entry = dict(mode=im.mode)
    turned = ImageOps.exif_transpose(im)
    if im.mode == "I;16":  # convert("RGB") cuts everything above 255 to white
        entry["note"] = "16-bit gray, held to v >> 8 and not to Pillow"
        im = turned = Image.fromarray((np.asarray(im) >> 8).astype(np.uint8))
    im, turned = im.convert("RGB"), turned.convert("RGB")
    entry.update(size=im.size, sha256=digest(np.asarray(im)), samples=spread(np.asarray(im), 24))
    if turned.tobytes() != im.tobytes():
        entry["turned"] = dict(size=turned.size, sha256=digest(np.asarray(turned)))
    opened = Image.open(io.BytesIO(data))
    if opened.format == "GIF" and opened.n_frames > 1:
        frames = (f.convert("RGB") for f in ImageSequence.Iterator(opened))
        entry["frames"] = [dict(size=f.size, sha256=digest(np.asarray(f))) for f in frames]
    entry["resized"] = resizes(im)
    golden[name] = entry


def save(name, im, **options):
    b = io.BytesIO()
    im.save(b, Image.registered_extensions()[os.path.splitext(name)[1]], **options)
    keep(name, b.getvalue())


def scene(w, h):
    """Smooth and colourful, with hard edges and noise: what chroma subsampling and filters show on."""
    y, x = np.mgrid[0:h, 0:w].astype(float)
    a = np.stack([128 + 110 * np.sin(x / 5 + y / 9), 128 + 110 * np.cos(y / 6 - x / 11), 255 * x / max(w - 1, 1)], -1)
    a[(x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 4) ** 2] = (230, 20, 40)
    a[:, w * 3 // 4 : w * 3 // 4 + 3] = (10, 30, 250)
    return np.clip(a + rng.normal(0, 6, a.shape), 0, 255).astype(np.uint8)


W, H = 37, 29
im = Image.fromarray(scene(W, H))
gray = im.convert("L")
rgba = Image.fromarray(np.dstack([scene(W, H), rng.integers(0, 256, (H, W), dtype=np.uint8)]))
palette = im.quantize(50)
bits = im.convert("1")
gray16 = Image.fromarray(rng.integers(0, 65536, (H, W)).astype(np.uint16))


def oriented(tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    return exif


# --- JPEG ---------------------------------------------------------------------------------------------------------
for sub, ratio in enumerate(("444", "422", "420")):
    save(f"baseline_{ratio}.jpg", im, quality=88, subsampling=sub)
    save(f"progressive_{ratio}.jpg", Image.fromarray(scene(50, 41)), quality=70, subsampling=sub, progressive=True)
for w, h in ((1, 1), (2, 3), (7, 5), (1, 90), (90, 2), (16, 16), (17, 33)):
    save(f"size_{w}x{h}.jpg", Image.fromarray(scene(w, h)), quality=90)
for quality in (5, 30, 100):
    save(f"quality_{quality}.jpg", im, quality=quality)
save("gray.jpg", gray, quality=85)
save("gray_progressive.jpg", gray, quality=85, progressive=True)
save("cmyk.jpg", im.convert("CMYK"), quality=90)
save("rgb.jpg", im, quality=90, keep_rgb=True)
save("restart.jpg", im, quality=80, restart_marker_blocks=2)
save("optimized.jpg", im, quality=80, optimize=True)
d = bytearray(open("cmyk.jpg", "rb").read())
d[d.index(b"\xff\xee") + 15] = 2  # Adobe's transform: the same numbers read as YCCK
keep("ycck.jpg", bytes(d))
for ratio, sub, factors in (("440", 1, 0x12), ("411", 2, 0x41)):  # see nn/picture/testdata/make_jpeg_goldens.py
    b = io.BytesIO()
    Image.fromarray(scene(29, 29)).save(b, "JPEG", quality=85, subsampling=sub)
    d = bytearray(b.getvalue())
    d[d.index(b"\xff\xc0") + 11] = factors
    keep(f"baseline_{ratio}.jpg", bytes(d))
for tag in range(1, 9):
    save(f"turned_{tag}.jpg", Image.fromarray(scene(23, 14)), quality=90, exif=oriented(tag))


# --- PNG ----------------------------------------------------------------------------------------------------------
def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(name, values, kind, depth, interlaced=False, extra=b""):
    """Writes what Pillow does not: values (H, W, channels) of any depth, interlaced if asked for."""
    h, w = values.shape[:2]
    a = values.reshape(h, w, -1)

    def rows(a):
        out = b""
        for row in a if a.size else ():
            if depth >= 8:
                out += b"\0" + row.astype(">u2" if depth == 16 else np.uint8).tobytes()
                continue
            digits = "".join(format(int(v), f"0{depth}b") for v in row.ravel())
            digits += "0" * (-len(digits) % 8)
            out += b"\0" + bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))
        return out

    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    raw = b"".join(rows(a[y::dy, x::dx]) for x, y, dx, dy in passes) if interlaced else rows(a)
    head = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlaced)
    data = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    keep(name, b"\x89PNG\r\n\x1a\n" + data)


save("rgb.png", im)
save("rgba.png", rgba)
save("turned_6.png", im, exif=oriented(6))
save("gray16_pil.png", gray16)
for depth in (1, 2, 4, 8, 16):
    png(f"gray{depth}.png", rng.integers(0, 2**depth, (13, 21)), 0, depth)
png("gray4_interlaced.png", rng.integers(0, 16, (13, 21)), 0, 4, True)
png("gray8_key.png", rng.integers(0, 4, (13, 21)), 0, 8, extra=chunk(b"tRNS", b"\0\1"))
colours = bytes(rng.integers(0, 256, 768, dtype=np.uint8))
for depth in (1, 2, 4, 8):
    png(f"palette{depth}.png", rng.integers(0, 2**depth, (13, 21)), 3, depth, extra=chunk(b"PLTE", colours[: 3 * 2**depth]))
png("palette8_interlaced.png", rng.integers(0, 256, (13, 21)), 3, 8, True, chunk(b"PLTE", colours))
png("palette4_short.png", rng.integers(0, 16, (13, 21)), 3, 4, extra=chunk(b"PLTE", colours[:21]))
png("palette2_alpha.png", rng.integers(0, 4, (13, 21)), 3, 2, extra=chunk(b"PLTE", colours[:12]) + chunk(b"tRNS", b"\0\x80"))
for depth in (8, 16):
    png(f"rgb{depth}_interlaced.png", rng.integers(0, 2**depth, (13, 21, 3)), 2, depth, True)
    png(f"gray_alpha{depth}.png", rng.integers(0, 2**depth, (13, 21, 2)), 4, depth)
    png(f"rgba{depth}.png", rng.integers(0, 2**depth, (13, 21, 4)), 6, depth)
png("rgb16.png", rng.integers(0, 65536, (13, 21, 3)), 2, 16)
png("rgb8_key.png", rng.integers(0, 256, (13, 21, 3)), 2, 8, extra=chunk(b"tRNS", b"\0\1\0\2\0\3"))
for w, h in ((1, 1), (1, 120), (3, 2)):
    png(f"size_{w}x{h}_interlaced.png", rng.integers(0, 256, (h, w, 3)), 2, 8, True)
save("animated.png", im, save_all=True, append_images=[Image.fromarray(scene(W, H))])

# --- GIF ----------------------------------------------------------------------------------------------------------
save("palette.gif", palette)
save("gray.gif", gray)
save("bits.gif", bits)
save("interlaced.gif", palette, interlace=1)
save("transparent.gif", palette, transparency=3)
moving = [Image.fromarray(scene(20, 16)) for _ in range(3)]
save("animated.gif", moving[0], save_all=True, append_images=moving[1:], disposal=2)
d = bytearray(open("transparent.gif", "rb").read())
d[6:10] = struct.pack("<HH", W + 9, H + 5)  # a larger screen,
at = d.index(b"\x2c\0\0\0\0" + struct.pack("<HH", W, H))
d[at + 1 : at + 5] = struct.pack("<HH", 4, 3)  # with the frame inside it
keep("offset.gif", bytes(d))

# --- WebP ---------------------------------------------------------------------------------------------------------
for quality in (10, 80):
    save(f"lossy_{quality}.webp", im, quality=quality)
save("lossy_alpha.webp", rgba, quality=60)
save("lossless.webp", im, lossless=True)
save("lossless_alpha.webp", rgba, lossless=True, exact=True)
save("lossless_palette.webp", palette, lossless=True)
save("animated.webp", moving[0], save_all=True, append_images=moving[1:], quality=60)
save("animated_lossless.webp", moving[0], save_all=True, append_images=moving[1:], lossless=True)
save("turned_8.webp", im, lossless=True, exif=oriented(8))


# --- BMP ----------------------------------------------------------------------------------------------------------
def padded(rows):
    return b"".join(r + b"\0" * (-len(r) % 4) for r in rows)


def bmp(name, depth, data, pack=0, colours=b"", head=40, masks=b"", h=17, count=0):
    w = 19
    if head == 12:
        info = struct.pack("<IHHHH", 12, w, h, 1, depth)
    else:
        info = struct.pack("<IiiHHIIiiII", head, w, h, 1, depth, pack, len(data), 2835, 2835, count, 0)
    info += masks
    info = info.ljust(head, b"\0")
    at = 14 + len(info) + len(colours)
    keep(name, b"BM" + struct.pack("<IHHI", at + len(data), 0, 0, at) + info + colours + data)


def noise(depth, top=256):
    return padded(bytes(rng.integers(0, top, (19 * depth + 7) // 8, dtype=np.uint8)) for _ in range(17))


def table(n, entry=4):
    return b"".join(bytes(rng.integers(0, 256, 3, dtype=np.uint8)) + b"\0" * (entry - 3) for _ in range(n))


def runs(top, four):
    out = b""
    for _ in range(17):
        x = 0
        while x < 19:
            n = int(min(rng.integers(1, 9), 19 - x))
            if n >= 3 and rng.random() < 0.5:
                d = bytes(rng.integers(0, top, (n + 1) // 2 if four else n, dtype=np.uint8))
                out += bytes([0, n]) + d + b"\0" * (len(d) & 1)
            else:
                out += bytes([n, int(rng.integers(0, top))])
            x += n
        out += b"\0\0"
    return out + b"\0\1"


save("rgb.bmp", im)
save("gray.bmp", gray)
save("bits.bmp", bits)
bmp("top_down.bmp", 24, noise(24), h=-17)
bmp("os2.bmp", 24, noise(24), head=12)
bmp("os2_palette8.bmp", 8, noise(8), colours=table(256, 3), head=12)
bmp("rgb555.bmp", 16, noise(16))
bmp("rgb565.bmp", 16, noise(16), 3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
bmp("rgb32.bmp", 32, noise(32))
bmp("rgba32_v5.bmp", 32, noise(32), 3, head=124, masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000))
bmp("xbgr32.bmp", 32, noise(32), 3, masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00))
bmp("palette4.bmp", 4, noise(4), colours=table(16))
bmp("palette1.bmp", 1, noise(1), colours=table(2))
bmp("palette8_short.bmp", 8, noise(8, 60), colours=table(60), count=60)
bmp("runs8.bmp", 8, runs(256, False), 1, colours=table(256))
bmp("runs4.bmp", 4, runs(256, True), 2, colours=table(16))

# --- TIFF ---------------------------------------------------------------------------------------------------------
save("plain.tif", im)
save("strips_lzw.tif", im, compression="tiff_lzw", tiffinfo={278: 5})
save("predictor_lzw.tif", im, compression="tiff_lzw", tiffinfo={317: 2})
save("deflate.tif", im, compression="tiff_adobe_deflate")
save("packbits.tif", im, compression="packbits")
save("gray.tif", gray, compression="tiff_lzw")
save("gray16.tif", gray16)
save("bits.tif", bits)
save("fax4.tif", bits, compression="group4")
save("palette.tif", palette, compression="tiff_lzw")
save("rgba.tif", rgba)
save("turned_3.tif", im, exif=oriented(3))


# --- GIF, frames that leave something behind --------------------------------------------------------------------------
def lzw(indices, width):
    """Codes of width + 1 bits that compress nothing: the table is cleared before they would grow."""
    codes, out = [], b""
    for i, v in enumerate(indices):
        codes += [1 << width] * (i % ((1 << width) - 2) == 0) + [int(v)]
    bits = "".join(reversed([format(c, f"0{width + 1}b") for c in codes + [(1 << width) + 1]]))
    data = int(bits, 2).to_bytes((len(bits) + 7) // 8, "little")
    for i in range(0, len(data), 255):
        out += bytes([len(data[i : i + 255])]) + data[i : i + 255]
    return bytes([width]) + out + b"\0"


def gif(name, frames):
    """frames are (x, y, w, h, disposal, transparent index or None, has its own colours)."""
    out = b"GIF89a" + struct.pack("<HHBBB", 24, 18, 0x80 | 2, 5, 0) + table(8, 3)
    for x, y, w, h, disposal, transparent, own in frames:
        out += b"!\xf9\x04" + struct.pack("<BHBB", disposal << 2 | (transparent is not None), 5, transparent or 0, 0)
        out += b"," + struct.pack("<HHHHB", x, y, w, h, 0x80 | 2 if own else 0) + (table(8, 3) if own else b"")
        out += lzw(rng.integers(0, 8, w * h), 3)
    keep(name, out + b";")


gif("frames_kept.gif", [(2, 1, 20, 12, 1, None, False), (0, 0, 9, 9, 0, 3, False), (5, 5, 19, 13, 1, 2, True)])
gif("frames_background.gif", [(0, 0, 24, 18, 2, None, False), (3, 3, 9, 9, 2, None, True), (1, 8, 6, 6, 2, 4, False), (9, 0, 8, 8, 0, 1, False)])
gif("frames_before.gif", [(0, 0, 24, 18, 1, 6, False), (3, 3, 9, 9, 3, 2, True), (4, 4, 16, 12, 3, None, False), (9, 0, 8, 8, 0, 1, False)])
gif("frames_first.gif", [(1, 1, 20, 12, 3, 6, False), (4, 4, 16, 12, 2, 5, False), (9, 0, 8, 8, 0, 1, False), (2, 2, 5, 5, 0, 0, False)])

# --- What Pillow reads and nn/picture does not: each is to be an error that says so -----------------------------------
for name, picture, options in (
    ("unread_cmyk.tif", im.convert("CMYK"), {}),
    ("unread_gray_alpha.tif", rgba.convert("LA"), {}),
    ("unread_jpeg.tif", im, dict(compression="jpeg")),
    ("unread_float.tif", Image.fromarray(np.asarray(gray, np.float32)), {}),
    ("unread_big.tif", gray, dict(big_tiff=True)),
    ("unread.avif", im, {}),
    ("unread.jp2", im, {}),
):
    picture.save(name, **options)

with open("golden.json", "w") as f:
    lines = (json.dumps(k) + ":" + json.dumps(v, sort_keys=True, separators=(",", ":")) for k, v in sorted(golden.items()))
    f.write("{\n" + ",\n".join(lines) + "\n}\n")
print(len(golden), "pictures")
