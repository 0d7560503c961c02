"""Runs torch's ways and Argand's precisions on one network in turn, and prints a table.

    python bench.py --worker PROGRAM [--driver PATH] [--precisions LIST] [--ways LIST] NETWORK BATCH HEIGHT WIDTH

Every way has a process of its own; only one works at a time, A B C … A B C …, so that what else happens to the machine
happens to all. Times are medians: by the clock from the host's memory to the host's, and by the device's events
without copies. The last lines, which begin with "|", are for the table at the end of cuda/check.sh. The exit status is 1
if anything of Argand's did not run.
"""
import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WAYS = ["eager", "eager-tf32", "amp", "compile", "graph", "graph-fp16"]
PRECISIONS = ["float32", "tf32", "bfloat16", "float16"]


class Failed(Exception):
    pass


class Worker:
    def __init__(self, name, command, log):
        self.name, self.ms, self.device = name, [], []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.pending = b""

    def reply(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.pending:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"no answer in {timeout:.0f} s")
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise Failed(f"the process ended with status {self.process.wait()}")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(" ".join(reply["error"].split()))
        return reply

    def ask(self, timeout, *words):
        try:
            self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed("the process has ended")
        return self.reply(timeout)

    def stop(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except Exception:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--worker", required=True, help="Argand's worker, made from the Go files here")
    p.add_argument("--driver", default="", help="PATH of libcuda.so.1")
    p.add_argument("--testdata", default=os.path.join(HERE, "..", "..", "..", "testdata"))
    p.add_argument("--ways", default=",".join(WAYS), type=lambda s: s.split(","))
    p.add_argument("--precisions", default=",".join(PRECISIONS), type=lambda s: s.split(","))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--count", type=int, default=20, help="runs of each in a round")
    p.add_argument("--lead", type=int, default=3, help="runs before those that count, in a round")
    p.add_argument("--seconds", type=float, default=400, help="no round begins after this time")
    p.add_argument("network")
    p.add_argument("size", type=int, nargs=3, metavar=("BATCH", "HEIGHT", "WIDTH"))
    return p.parse_args()


def main():
    o = parse()
    begun, failed, workers = time.monotonic(), {}, []
    size = list(map(str, o.size))
    plan = [(way, [sys.executable, "-W", "ignore", os.path.join(HERE, "serve.py"), way, o.network, *size]) for way in o.ways]
    settings = [(p, []) for p in o.precisions]
    if o.size[0] > 1:  # engines that are the fastest for the batch, not for one picture
        settings.append((o.precisions[-1], ["-per-batch"]))
    for p, more in settings:
        driver = ["-driver", o.driver] if o.driver else []
        plan.append((" ".join(["argand", p, *more]),
                     [o.worker, *driver, "-testdata", o.testdata, *more, "serve", o.network, p, *size]))
    left = lambda: max(1, o.seconds - (time.monotonic() - begun))
    log = tempfile.TemporaryFile()
    for name, command in plan:
        at = time.monotonic()
        worker = Worker(name, command, log)
        try:
            print(f"  {name}: {worker.reply(left())['ready']}, ready after {time.monotonic() - at:.1f} s", flush=True)
            workers.append(worker)
        except Failed as e:
            failed[name] = str(e)
            worker.stop()

    def each(what):
        for worker in list(workers):
            try:
                what(worker)
            except Failed as e:
                failed[worker.name] = str(e)
                workers.remove(worker)
                worker.stop()

    outputs = compare(each)
    rounds = 0
    for _ in range(o.rounds):
        if rounds and left() < 2 * (time.monotonic() - at):
            print(f"  stopped after {rounds} rounds of {o.rounds}: the time is up")
            break
        at = time.monotonic()
        each(lambda w: w.ms.extend(w.ask(left(), "run", o.lead, o.count)["ms"]))
        each(lambda w: w.device.extend(w.ask(left(), "events", o.lead, o.count)["ms"]))
        rounds += 1
    for worker in workers:
        worker.stop()
    write(o, workers, failed, outputs, rounds)
    log.seek(0)
    if failed:
        print("  what failed wrote last:", log.read()[-1500:].decode(errors="replace"))
    return any(name.startswith("argand") for name in failed)


def compare(each):
    """The greatest difference of every output from the first one's, in units of its greatest."""
    outputs, differences = [], {}

    def ask(worker):
        with tempfile.NamedTemporaryFile() as f:
            worker.ask(300, "output", f.name)
            outputs.append(np.fromfile(f.name, np.float32))
        y, reference = outputs[-1], outputs[0]
        if y.shape == reference.shape:
            differences[worker.name] = f"{np.abs(y - reference).max() / np.abs(reference).max():.1e}"
        else:
            differences[worker.name] = f"{y.size} not {reference.size}"

    each(ask)
    return differences


def write(o, workers, failed, outputs, rounds):
    what = f"{o.network} {o.size[0]}×3×{o.size[1]}×{o.size[2]}"
    medians = {w.name: (statistics.median(w.ms), statistics.median(w.device)) for w in workers if w.device}
    torch = {n: m for n, m in medians.items() if not n.startswith("argand")}
    print(f"{what}: {rounds} rounds of {o.count}; rates, and times against torch's eager and best way, are by the clock")
    head = f"{'clock ms':>10}{'least':>10}{'events ms':>11}{'pictures/s':>12}{'× eager':>9}{'× best':>8}  differs by"
    print(f"  {'':25}{head}")
    for w in workers:
        if w.name not in medians:
            continue
        clock, device = medians[w.name]
        eager = torch["eager"][0] / clock if "eager" in torch else float("nan")
        best = min(m[0] for m in torch.values()) / clock if torch else float("nan")
        print(f"  {w.name:25}{clock:10.3f}{min(w.ms):10.3f}{device:11.3f}{1000 * o.size[0] / clock:12.1f}"
              f"{eager:9.2f}{best:8.2f}  {outputs.get(w.name, '?')}")
        if w.name.startswith("argand"):
            print(f"| {what} | {w.name} | {clock:.3f} ms | {eager:.2f}× eager | {best:.2f}× best of torch "
                  f"({min(torch, key=lambda n: torch[n][0]) if torch else 'none ran'}) |")
    for name, why in failed.items():
        print(f"| {what} | {name} | NOT RUN: {why[:200]} |")


if __name__ == "__main__":
    sys.exit(main())
