#!/usr/bin/env python3
"""Writes refused.json: the keys, as far as they end with weight, of torchvision's classifiers that Argand has
not, one of each kind, to be refused by name.

python3 refused.py    # torchvision 0.29.2
"""
import json

import torchvision

names = ["alexnet", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5",
         "regnet_y_400mf", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t"]
refused = {}
for name in names:
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    refused[name] = [key for key in model.state_dict() if key.endswith("weight")]
with open("refused.json", "w") as f:
    f.write(json.dumps(refused, separators=(",", ":")) + "\n")
