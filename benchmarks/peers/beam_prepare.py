"""Makes the weights, pictures and numbers of the comparison with Beam's Python SDK, where missing. Started by
beam_compare.py as

    python beam_prepare.py DIRECTORY SMALL LARGE LINES

Pictures are drawn by a seeded generator, the one of testdata's photos: SMALL of 500×375 pixels for ResNet-50, and
LARGE of 640×480 for Mask R-CNN, as JPEG files. Two of the large ones are there as PNG too. Others are removed.
Weights are procedural, those of networks.py, but for the bias of ResNet-50's last layer.
"""
import glob
import os
import sys

import torch
from PIL import Image

import networks

SMALL, LARGE, EXACT = (375, 500), (480, 640), 2


def save(write, path):
    """Has a file written that is there whole or not at all."""
    if not os.path.exists(path):
        part = os.path.join(os.path.dirname(path), "part-" + os.path.basename(path))
        write(part)
        os.rename(part, path)
    return path


def resnet50(directory):
    """ResNet-50 with another bias. Procedural weights give all pictures the same class; without the mean of their
    logits classes differ."""
    import torchvision
    model = networks.resnet("resnet50")
    transform = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
    paths = sorted(glob.glob(os.path.join(directory, "small-*.jpg")))[:16]
    x = torch.stack([transform(Image.open(path)) for path in paths])
    with torch.inference_mode():
        model.fc.bias -= model(x).mean(0)
    return model


def main():
    scratch, small, large, lines = sys.argv[1], *map(int, sys.argv[2:])
    golden = networks.golden()
    directory = os.path.join(scratch, "beam-pictures")
    os.makedirs(directory, exist_ok=True)
    wanted = set()
    for name, count, size, seed in (("small", small, SMALL, 1000), ("large", large, LARGE, 2000)):
        for i in range(count):
            draw = lambda path: Image.fromarray(golden.photo(*size, seed + i)).save(path, quality=90)
            wanted.add(save(draw, os.path.join(directory, f"{name}-{i:04d}.jpg")))
    for i in range(min(large, EXACT)):
        copy = lambda path: Image.open(os.path.join(directory, f"large-{i:04d}.jpg")).save(path)
        wanted.add(save(copy, os.path.join(directory, f"exact-{i:04d}.png")))
    with open(os.path.join(directory, "numbers.txt"), "w") as f:
        f.writelines(f"{i}\n" for i in range(lines))
    for path in glob.glob(os.path.join(directory, "*-*.*")):
        if path not in wanted:
            os.remove(path)
    for name, build in (("beam-resnet50.pth", lambda: resnet50(directory)), ("maskrcnn.pth", golden.golden_model)):
        write = lambda path: torch.save(build().state_dict(), path)
        save(write, os.path.join(scratch, name))


if __name__ == "__main__":
    main()
