"""A peer: a process that runs one network with torch in one way, when it is told to. It speaks the language of main.go.

    python serve.py WAY NETWORK BATCH HEIGHT WIDTH

Ways: eager (float32), eager-tf32, amp (channels_last, autocast to bfloat16), compile (torch.compile of amp), graph (a
CUDA graph of a bfloat16 network, channels_last; of a detector what has no data-dependent sizes: trunk, pyramid and RPN
head), graph-fp16 (the same in float16).
"""
import contextlib
import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import torch  # noqa: E402

import models  # noqa: E402

WAYS = ("eager", "eager-tf32", "amp", "compile", "graph", "graph-fp16")
GPU = models.DEVICE.type == "cuda"


def wait():
    if GPU:
        torch.cuda.synchronize()


def graphed(f, x):
    """f as a CUDA graph for inputs of x's shape."""
    if not GPU:
        return f
    x = x.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        for _ in range(3):
            f(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        y = f(x)

    def run(other):
        x.copy_(other)
        graph.replay()
        return y

    return run


class Lowered(torch.nn.Module):
    """A backbone in another type between float32."""

    def __init__(self, inner, run):
        super().__init__()
        self.out_channels, self.run = inner.out_channels, run

    def forward(self, x):
        return self.run(x)


def classifier(way, batch, height, width, network):
    m, x = models.model(network), models.images(batch, height, width)
    if way in ("amp", "compile"):
        m = m.to(memory_format=torch.channels_last)
    x = x.pin_memory() if GPU else x
    run = m
    if way == "compile":
        run = torch.compile(m, mode="reduce-overhead" if GPU else "default", dynamic=False)
    if way.startswith("graph"):
        dtype = torch.float16 if way == "graph-fp16" else torch.bfloat16
        m = m.to(dtype, memory_format=torch.channels_last)
        low = lambda x: m(x.to(dtype, memory_format=torch.channels_last)).float()
        run = graphed(low, x.to(models.DEVICE))
    return x, run, lambda y: y.float()


def detector(way, batch, height, width, _):
    m, x = models.model("maskrcnn", height, width), models.picture(height, width)
    x = x.pin_memory() if GPU else x
    if way in ("amp", "compile"):
        m.backbone = m.backbone.to(memory_format=torch.channels_last)
        m.backbone.register_forward_pre_hook(
            lambda _, args: (args[0].contiguous(memory_format=torch.channels_last),))
    if way == "compile":  # torchvision's own code between the parts does not compile
        m.backbone = torch.compile(m.backbone, dynamic=False)
        m.rpn.head = torch.compile(m.rpn.head, dynamic=False)
        for part in ("box_head", "box_predictor", "mask_head", "mask_predictor"):
            setattr(m.roi_heads, part, torch.compile(getattr(m.roi_heads, part), dynamic=True))
    if way.startswith("graph"):
        dtype = torch.float16 if way == "graph-fp16" else torch.bfloat16
        trunk = m.backbone.to(dtype, memory_format=torch.channels_last)
        low = lambda x: {k: v.float() for k, v in trunk(x.to(dtype, memory_format=torch.channels_last)).items()}
        m.backbone = Lowered(trunk, graphed(low, x.to(models.DEVICE)[None]))
    return x, lambda x: m([x])[0], lambda y: y["scores"].float()


def load(way, network, batch, height, width):
    if way not in WAYS:
        raise ValueError(f"{way}: want one of {', '.join(WAYS)}")
    models.tf32() if way == "eager-tf32" else models.exact()
    torch.backends.cudnn.benchmark = True  # sizes stay the same
    x, f, first = (detector if network == "maskrcnn" else classifier)(way, batch, height, width, network)

    def run(x):
        cast = contextlib.nullcontext()
        if way in ("amp", "compile"):
            cast = torch.autocast(models.DEVICE.type, torch.bfloat16)
        with torch.inference_mode() if way != "compile" else torch.no_grad(), cast:
            return f(x)

    there = x.to(models.DEVICE)

    def whole():
        """From the host's memory to the host's."""
        y = run(x.to(models.DEVICE, non_blocking=True))
        if isinstance(y, dict):
            return {k: v.cpu() for k, v in y.items()}
        return y.cpu()

    def events():
        """What is on the device, by its events, in milliseconds."""
        if not GPU:
            start = time.perf_counter()
            run(there)
            return 1000 * (time.perf_counter() - start)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run(there)
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    def clock():
        start = time.perf_counter()
        whole()
        return 1000 * (time.perf_counter() - start)

    return clock, events, lambda: first(whole())


def main(way, network, *size):
    try:
        clock, events, output = load(way, network, *map(int, size))
        clock()  # compilers compile at the first run
        wait()
    except Exception as e:
        json.dump({"error": f"{type(e).__name__}: {e}"[:500]}, answers)
        answers.write("\n")
        return
    print(json.dumps({"ready": "torch " + torch.__version__}), file=answers, flush=True)
    for line in sys.stdin:
        words = line.split()
        try:
            if words[0] in ("run", "events"):
                one = clock if words[0] == "run" else events
                for _ in range(int(words[1])):
                    one()
                reply = {"ms": [one() for _ in range(int(words[2]))]}
            elif words[0] == "output":
                output().numpy().tofile(words[1])
                reply = {"ok": True}
            else:
                reply = {"error": f"{words[0]} is no command"}
        except Exception as e:
            reply = {"error": f"{type(e).__name__}: {e}"[:500]}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
