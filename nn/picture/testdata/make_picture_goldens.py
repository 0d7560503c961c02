"""Makes the goldens of package picture with Pillow, torch, torchvision and pycocotools.

    python make_picture_goldens.py             # in this directory; writes decode/, resize/ and numbers.json
    python make_picture_goldens.py resize12     # by Pillow 12: writes resize12/ from resize/source.png

The committed files were made with Pillow 13.0.0 (libjpeg-turbo 3.2.0, libwebp), torch 2.15.0, torchvision 0.29.2 and
pycocotools 2.0; resize12/ with Pillow 12.3.0. Each decode/NAME has a decode/NAME.rgb.png: what
Image.open(NAME).convert("RGB") gives; files named exif* also have NAME.turned.png, after ImageOps.exif_transpose.
"""
import base64, json, os, struct, sys, zlib

import numpy as np
import PIL
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from pycocotools import mask as coco
from torchvision.models.detection.roi_heads import paste_masks_in_image

SIZES = (
    (30, 20), (61, 10), (13, 47), (100, 80), (1, 1), (7, 90), (122, 94), (61, 47), (60, 46), (62, 48), (3, 2), (70, 30),
    (55, 20), (51, 28), (51, 26), (40, 5), (61, 46),
)


def resize(source, folder):
    im = Image.open(source)
    for w, h in SIZES:
        im.resize((w, h), Image.BILINEAR).save(f"{folder}/{w}x{h}.png")


if sys.argv[1:] == ["resize12"]:
    assert PIL.__version__.startswith("12."), PIL.__version__
    os.makedirs("resize12", exist_ok=True)
    resize("resize/source.png", "resize12")
    sys.exit()

rng = np.random.default_rng(20)
for d in ("decode", "resize"):
    os.makedirs(d, exist_ok=True)


def scene(w, h):
    """A smooth, colourful picture with hard edges and noise: what chroma subsampling shows on."""
    y, x = np.mgrid[0:h, 0:w].astype(float)
    a = np.stack([128 + 110 * np.sin(x / 5 + y / 9), 128 + 110 * np.cos(y / 6 - x / 11), 255 * x / max(w - 1, 1)], -1)
    a[(x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 4) ** 2] = (230, 20, 40)
    a[:, w * 3 // 4 : w * 3 // 4 + 3] = (10, 30, 250)
    return np.clip(a + rng.normal(0, 6, a.shape), 0, 255).astype(np.uint8)


def keep(name):
    """Stores what Pillow decodes from decode/name."""
    path = "decode/" + name
    plain(Image.open(path)).save(path + ".rgb.png")
    if name.startswith("exif"):
        plain(ImageOps.exif_transpose(Image.open(path))).save(path + ".turned.png")


def plain(im):
    """im.convert("RGB") without the metadata that Pillow would store along, such as a transparent colour."""
    return Image.fromarray(np.array(im.convert("RGB")))


def save(name, im, **options):
    im.save("decode/" + name, **options)
    keep(name)


def write(name, data):
    with open("decode/" + name, "wb") as f:
        f.write(data)
    keep(name)


def read(name):
    with open("decode/" + name, "rb") as f:
        return f.read()


# --- JPEG ---------------------------------------------------------------------------------------------------------
for w, h in ((40, 30), (37, 29), (5, 3), (4, 6), (1, 1)):
    im = Image.fromarray(scene(w, h))
    for ratio, sub in (("444", 0), ("422", 1), ("420", 2)):
        save(f"{ratio}_{w}x{h}.jpg", im, quality=90, subsampling=sub)
im = Image.fromarray(scene(40, 30))
save("progressive.jpg", im, quality=80, subsampling=2, progressive=True)
save("gray.jpg", im.convert("L"), quality=90)
save("rgb.jpg", im, quality=92, keep_rgb=True)
save("cmyk.jpg", im.convert("CMYK"), quality=92)


def sampling_at(data):
    at = data.index(b"\xff\xc0")
    return at + 11  # marker, length, precision, height, width, count, id: then the luma's factors


# The encoder offers no 4:4:0 and 4:1:1, but a file of 32x32 has as many blocks per unit in 4:2:2 and 4:2:0: patch it.
for name, sub, factors in (("440.jpg", 1, 0x12), ("411.jpg", 2, 0x41)):
    Image.fromarray(scene(32, 32)).save("decode/" + name, quality=90, subsampling=sub)
    d = bytearray(read(name))
    d[sampling_at(d)] = factors
    write(name, bytes(d))

d = read("cmyk.jpg")
at = d.index(b"\xff\xee")
length = struct.unpack(">H", d[at + 2 : at + 4])[0]
write("cmyk_without_adobe.jpg", d[:at] + d[at + 2 + length :])
d = bytearray(d)
d[at + 2 + length - 1] = 2  # Adobe's transform: the same numbers read as YCCK
write("ycck.jpg", bytes(d))

for tag in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = tag
    save(f"exif{tag}.jpg", Image.fromarray(scene(12, 7)), quality=95, subsampling=0, exif=exif)

# --- PNG ----------------------------------------------------------------------------------------------------------
a = scene(21, 13)
im = Image.fromarray(a)
alpha = rng.integers(0, 256, a.shape[:2], dtype=np.uint8)
rgba = np.dstack([a, alpha])
save("rgb.png", im)
save("gray.png", im.convert("L"))
save("bits.png", im.convert("1"))
save("palette.png", im.convert("P", palette=Image.ADAPTIVE, colors=12))
twelve = im.convert("P", palette=Image.ADAPTIVE, colors=12)
save("palette_transparent.png", twelve, transparency=bytes(range(0, 240, 20)))
save("alpha.png", Image.fromarray(rgba))
save("gray_alpha.png", Image.fromarray(rgba).convert("LA"))
save("key.png", im, transparency=tuple(int(v) for v in a[3, 4]))


def png16(name, samples, kind):
    h, w = samples.shape[:2]
    rows = b"".join(b"\0" + samples[y].astype(">u2").tobytes() for y in range(h))
    out = b"\x89PNG\r\n\x1a\n"
    for t, body in (
        (b"IHDR", struct.pack(">IIBBBBB", w, h, 16, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        out += struct.pack(">I", len(body)) + t + body + struct.pack(">I", zlib.crc32(t + body))
    write(name, out)


png16("rgb16.png", rng.integers(0, 65536, (5, 7, 3)), 2)
png16("rgba16.png", rng.integers(0, 65536, (5, 7, 4)), 6)
exif = Image.Exif()
exif[0x0112] = 6
save("exif6.png", im, exif=exif)

# --- GIF, WebP, BMP, TIFF -----------------------------------------------------------------------------------------
p = im.convert("P", palette=Image.ADAPTIVE, colors=16)
save("plain.gif", p)
save("transparent.gif", p, transparency=5)
save("animated.gif", p, save_all=True, append_images=[p.transpose(Image.FLIP_LEFT_RIGHT)], duration=50)


def shifted(name, source):
    """The same frame, at (4, 2) on a screen of 30x20."""
    d = bytearray(read(source))
    d[6:10] = struct.pack("<HH", 30, 20)
    at = d.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 21, 13))
    d[at + 1 : at + 5] = struct.pack("<HH", 4, 2)
    write(name, bytes(d))


shifted("shifted.gif", "plain.gif")
shifted("shifted_transparent.gif", "transparent.gif")

for w, h in ((40, 30), (37, 29), (1, 1), (2, 3), (3, 2)):
    save(f"lossy_{w}x{h}.webp", Image.fromarray(scene(w, h)), quality=80)
save("lossy_alpha.webp", Image.fromarray(rgba), quality=80)
save("lossless.webp", im, lossless=True)
save("lossless_alpha.webp", Image.fromarray(rgba), lossless=True, exact=True)
save("exif6.webp", im, lossless=True, exif=exif)

save("rgb.bmp", im)
save("palette.bmp", p)
save("gray.bmp", im.convert("L"))

save("rgb.tif", im)
save("lzw.tif", im, compression="tiff_lzw")
save("deflate.tif", im, compression="tiff_adobe_deflate")
save("gray.tif", im.convert("L"))
save("palette.tif", p)
save("turned.tif", im, exif=exif)  # Pillow turns TIFFs by itself: .rgb.png is already turned

# --- Pillow's resize ----------------------------------------------------------------------------------------------
Image.fromarray(scene(61, 47)).save("resize/source.png")
resize("resize/source.png", "resize")

# --- numbers ------------------------------------------------------------------------------------------------------


def noise(n, seed):
    """n exact float32 in [0, 1): the Go test computes the same."""
    i = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed * 1000003)
    z = (i * np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    z ^= z >> np.uint64(29)
    z = (z * np.uint64(0xBF58476D1CE4E5B9)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**24).astype(np.float32)


def packed(a):
    return base64.b64encode(np.asarray(a).tobytes()).decode()


bilinear = []
for k, (sh, sw, dh, dw) in enumerate(
    (
        (1, 1, 3, 4), (2, 3, 5, 7), (30, 30, 13, 41), (9, 12, 9, 31), (12, 9, 30, 9), (17, 23, 5, 4), (6, 8, 6, 8),
        (40, 3, 1, 50),
    )
):
    x = torch.from_numpy(noise(sh * sw, k).reshape(1, 1, sh, sw))
    y = F.interpolate(x, size=(dh, dw), mode="bilinear", align_corners=False)
    bilinear.append(dict(seed=k, source=[sh, sw], size=[dh, dw], values=packed(y.numpy().astype("<f4"))))

paste = []
H, W = 24, 32
boxes = [
    [4.3, 3.2, 20.7, 18.9], [0, 0, 32, 24], [-7.5, -5.2, 12.1, 9.9], [20.2, 10.4, 45.8, 39.1], [-40, -30, 70, 60],
    [10.2, 7.1, 10.9, 7.8], [5, 5, 5, 5], [12.5, 3.5, 13.1, 21], [2, 11.7, 30, 12.2], [20, 5, 12, 15], [6, 18, 22, 9],
    [31.2, 23.1, 31.9, 23.9], [-1.2, -1.3, 0.4, 0.2], [33, 2, 50, 20], [-900, 4, 900, 20],
]
for k, box in enumerate(boxes):
    probs = noise(28 * 28, 100 + k).reshape(1, 1, 28, 28)
    smooth = F.avg_pool2d(torch.from_numpy(probs), 7, 1, 3).numpy() if k % 2 else probs
    out = paste_masks_in_image(torch.from_numpy(smooth), torch.tensor([box]), (H, W))[0, 0].numpy()
    assert out.size == 0 or np.abs(out - 0.5)[out > 0].min(initial=1) > 1e-5, k
    rle = coco.encode(np.asfortranarray((out >= 0.5).astype(np.uint8)))
    paste.append(dict(
        box=box, h=H, w=W, probs=packed(smooth.astype("<f4")), area=int((out >= 0.5).sum()),
        values=base64.b64encode(zlib.compress(out.astype("<f4").tobytes(), 9)).decode(),
        rle=dict(size=rle["size"], counts=rle["counts"].decode())))

rles = []
for h, w, density in (
    (1, 1, 0), (1, 1, 1), (5, 7, 0), (5, 7, 1), (13, 9, 0.5), (9, 13, 0.1), (40, 30, 0.02), (64, 65, 0.9),
    (3, 200, 0.3), (200, 3, 0.3), (70, 130, 0.004), (480, 640, -1),
):
    if density >= 0:
        m = rng.random((h, w)) < density
    else:  # one blob: long runs, several digits, negative differences
        y, x = np.mgrid[0:h, 0:w]
        m = ((x - 300) / 170) ** 2 + ((y - 200) / 150) ** 2 < 1 + 0.2 * np.sin(x / 9)
    r = coco.encode(np.asfortranarray(m.astype(np.uint8)))
    bits = zlib.compress(np.packbits(m, axis=None).tobytes(), 9)
    rles.append(dict(h=h, w=w, bits=base64.b64encode(bits).decode(), area=int(m.sum()), counts=r["counts"].decode()))

with open("numbers.json", "w") as f:
    json.dump(dict(bilinear=bilinear, paste=paste, rle=rles), f, indent=0)
    f.write("\n")
