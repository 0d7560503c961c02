"""Golden data of a small classifier: its weights by ../procedural.py and its logits in float64."""
import json

import torch
import torchvision

from procedural import install, random


def golden(model, sizes, special=None):
    """Writes golden.json: how the weights are made, see install, and for each height and width the logits."""
    torch.set_num_threads(1)
    out = {"torch": torch.__version__, "torchvision": torchvision.__version__, "state_dict": install(model, special),
           "cases": []}
    for height, width in sizes:
        x = random(f"input{height}x{width}", (1, 3, height, width), 2)
        with torch.no_grad():
            y = model.float()(x)[0]
            z = model.double()(x.double())[0]
        error = float((y - z).abs().max() / z.abs().max())
        print(height, width, "max |logit|", float(z.abs().max()), "std", float(z.std()), "torch's own error", error)
        out["cases"].append({"height": height, "width": width, "torch_error": error,
                             "logits": [float(v) for v in z.float()]})
    with open("golden.json", "w") as f:
        text = json.dumps(out)
        f.write(text + "\n")
