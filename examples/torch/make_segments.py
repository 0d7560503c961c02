#!/usr/bin/env python3
"""Train a network to read digits off the seven segments of a display, and save its state_dict as segments.pth.

Also writes readings.csv, lines of seven brightnesses with noise, whose digits are 0 to 9 over and over.

  python3 make_segments.py     (torch 2.15.0)
"""
import pathlib

import torch
from torch import nn

#          a  b  c  d  e  f  g
DIGITS = ["1111110", "0110000", "1101101", "1111001", "0110011", "1011011", "1011111", "1110000", "1111111", "1111011"]


class Display(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(7, hidden), nn.Linear(hidden, 10)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


torch.manual_seed(7)
torch.set_num_threads(1)
clean = torch.tensor([[float(s) for s in d] for d in DIGITS])
model = Display(hidden=24)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(3000):
    label = torch.randint(0, 10, (128,))
    loss = nn.functional.cross_entropy(model(clean[label] + 0.15 * torch.randn(128, 7)), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
readings = clean.repeat(5, 1) + 0.12 * torch.randn(50, 7)
right = (model(readings).argmax(1) == torch.arange(50) % 10).sum().item()
print(f"loss {loss.item():.4f}, {right} of 50 right")
here = pathlib.Path(__file__).parent
torch.save(model.state_dict(), here / "segments.pth")
(here / "readings.csv").write_text("".join(",".join(f"{v:.2f}" for v in r) + "\n" for r in readings.tolist()))
