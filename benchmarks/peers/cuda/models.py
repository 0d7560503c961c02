"""The networks as torch has them, with weights by the formulas that Argand's workers use too."""
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import networks  # noqa: E402

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def exact():
    """Turns off what computes float32 with less."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def tf32():
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True


def model(network, height=800, width=1216):
    if network == "maskrcnn":
        m = networks.golden().golden_model(min_size=min(height, width), max_size=max(height, width))
    else:
        m = networks.resnet(network)
    return m.to(DEVICE).eval().requires_grad_(False)


def images(batch, height, width):
    """(N, 3, H, W) as Argand's worker makes them."""
    return networks.golden().proc("images", (batch, 3, height, width), 2)


def picture(height, width):
    """The photograph (3, H, W), 0 to 1."""
    networks.HEIGHT, networks.WIDTH = height, width
    return torch.from_numpy(np.ascontiguousarray(networks.picture()))
