"""Runs Argand and its peers interleaved and writes the comparison. Started by run.sh; see there and --help.

For every network and number of threads there is a long-lived process for each peer, pinned to the same cores. They take
turns, A B C … A B C …, and only one works at a time, so that what else happens on the machine happens to all.
"""
import argparse
import hashlib
import json
import os
import platform
import selectors
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

import report

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORKS = ["resnet18", "resnet50", "resnet50x8", "features", "boxhead", "maskhead", "maskrcnn"]
PEERS = ["eager", "channels_last", "compile", "onnxruntime", "openvino", "argand"]
POINTLESS = {("boxhead", "channels_last")}  # its input has no channels to lay out


class Failed(Exception):
    pass


class Worker:
    """A process that runs one network."""

    def __init__(self, peer, network, threads, cores, scratch):
        self.peer = peer
        variant, _, what = peer.partition("+")
        if variant == "argand":
            command = [os.path.join(scratch, "argand"), network + ("+paste" if what == "paste" else ""), str(threads)]
        else:
            command = [sys.executable, os.path.join(HERE, "worker.py"), peer, network, str(threads)]
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads),
                           TORCHINDUCTOR_CACHE_DIR=os.path.join(scratch, f"inductor{threads}"))
        self.log = open(os.path.join(scratch, "workers.log"), "ab")
        self.process = subprocess.Popen(
            command + [scratch], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.pending = b""

    def reply(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.pending:
            if not self.selector.select(max(0, end - time.monotonic())):
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

    def ask(self, *words, timeout=600):
        try:
            self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed("the process has ended")
        return self.reply(timeout)

    def stop(self):
        try:
            self.process.stdin.close()
            self.process.wait(5)
        except Exception:
            self.process.kill()
            self.process.wait()
        self.selector.close()
        self.process.stdout.close()
        self.log.close()


class Samples:
    """The file of what was measured, a line of JSON each. It begins with where and with what; when that is not as now,
    the file is put aside and a new one begun."""

    def __init__(self, path, machine):
        self.path, self.lines = path, []
        if os.path.exists(path):
            with open(path) as f:
                lines = [json.loads(line) for line in f if line.endswith("\n")]
            if lines and lines[0].get("machine") == machine:
                self.lines = lines
            else:
                os.rename(path, path + time.strftime(".%Y%m%d-%H%M%S"))
        if not self.lines:
            self.add(machine=machine)

    def add(self, **line):
        self.lines.append(line)
        with open(self.path, "a") as f:
            f.write(json.dumps(line) + "\n")

    def rounds(self, network, threads):
        return sum(1 for l in self.lines if "ms" in l and (l["network"], l["threads"]) == (network, threads))


def output_of(*command, otherwise="unknown"):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return otherwise


def machine(cores, scratch):
    """Where and with what is measured. What changes here makes samples incomparable."""
    with open(os.path.join(scratch, "argand"), "rb") as f:
        program = hashlib.file_digest(f, "sha256").hexdigest()[:12]
    cpu = {}
    for line in open("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        cpu.setdefault(key.strip(), value.strip())
    wanted = ("avx2", "fma", "avx512f", "avx512vl", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16")
    caches = [l for l in output_of("lscpu").splitlines() if l.startswith(("L2", "L3"))]
    from importlib.metadata import version
    return {
        "cpu": cpu.get("model name", platform.machine()),
        "family": " ".join(f"{k} {cpu.get(k, '?')}" for k in ("cpu family", "model", "stepping")),
        "flags": [f for f in wanted if f in cpu.get("flags", "").split()],
        "caches": ", ".join(" ".join(l.split()) for l in caches),
        "cores": cores,
        "system": f"{platform.system()} {platform.release()}",
        "go": output_of("go", "env", "GOVERSION"),
        "python": platform.python_version(),
        "versions": {p: version(p) for p in ("torch", "torchvision", "onnxruntime", "openvino", "numpy")},
        "commit": output_of("git", "rev-parse", "--short=12", "HEAD"),
        "program": program,  # tells states of the sources apart that are not committed
        "changed": bool(output_of("git", "status", "--porcelain", "--", ":/*.go", ":/*.s", otherwise="")),
    }


def start(network, threads, options, samples):
    """Starts the workers of a group, one after the other, and returns those that run."""
    plan = [(p, threads, options.cores[:threads]) for p in options.peers if (network, p) not in POINTLESS]
    if "argand" in options.peers and network == "maskrcnn":
        plan.append(("argand+paste", threads, options.cores[:threads]))
    if "argand" in options.peers and threads > 1:
        plan.append(("argand+1", 1, options.cores[:1]))  # beside the others, to see what the threads bring
    workers = []
    for peer, n, cores in plan:
        began = time.monotonic()
        worker = Worker(peer, network, n, cores, options.scratch)
        try:
            version = worker.reply(options.load_timeout)["ready"]
            print(f"  {peer}: {version}, loaded in {time.monotonic() - began:.1f} s", flush=True)
            workers.append(worker)
        except Failed as e:
            print(f"  {peer}: {e}", flush=True)
            samples.add(network=network, threads=threads, peer=peer, failed=str(e))
            worker.stop()
    return workers


def drop(worker, workers, network, threads, error, samples):
    print(f"  {worker.peer}: {error}", flush=True)
    samples.add(network=network, threads=threads, peer=worker.peer, failed=str(error))
    workers.remove(worker)
    worker.stop()


def compare(network, threads, workers, options, samples):
    """Holds the first output of every worker against the first worker's."""
    reference = None
    for worker in list(workers):
        path = os.path.join(options.scratch, f"output-{worker.peer}.f32")
        try:
            worker.ask("output", path)
        except Failed as e:
            drop(worker, workers, network, threads, e, samples)
            continue
        y = np.fromfile(path, np.float32)
        os.remove(path)
        if reference is None:
            reference = y
        elif y.shape != reference.shape:
            samples.add(network=network, threads=threads, peer=worker.peer,
                        differs=f"{y.size} numbers, not {reference.size}")
        else:
            error = float(np.abs(y - reference).max() / np.abs(reference).max())
            samples.add(network=network, threads=threads, peer=worker.peer, error=error)
            print(f"  {worker.peer}: differs from {workers[0].peer} by {error:.1e} of the largest", flush=True)


def measure(network, threads, options, samples, deadline):
    done = samples.rounds(network, threads)
    if done >= options.samples or time.monotonic() > deadline:
        return
    print(f"{network}, {threads} threads, from sample {done}", flush=True)
    workers = start(network, threads, options, samples)
    try:
        if done == 0:
            compare(network, threads, workers, options, samples)
        typical = {}
        for worker in list(workers):
            try:
                typical[worker.peer] = min(worker.ask("run", 0, 2)["ms"])
            except Failed as e:
                drop(worker, workers, network, threads, e, samples)
        # Short networks run several times per turn, and once before: the others have emptied the caches.
        slowest = max(typical.values(), default=1)
        lead, count = (0, 1) if slowest > 700 else (1, max(1, min(20, int(200 / slowest))))
        for _ in range(done, options.samples):
            if time.monotonic() > deadline:
                return
            line = {}
            peak = [w.ask("peak")["gflops"] for w in workers if w.peer == "argand"]
            for worker in list(workers):
                time.sleep(options.pause)  # threads of the one before may still spin
                try:
                    line[worker.peer] = round(statistics.median(worker.ask("run", lead, count)["ms"]), 4)
                except Failed as e:
                    drop(worker, workers, network, threads, e, samples)
            samples.add(network=network, threads=threads, ms=line, peak=peak[0] if peak else None)
            print("  " + "  ".join(f"{p} {ms:.1f}" for p, ms in line.items()), flush=True)
    finally:
        for worker in workers:
            worker.stop()


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda s: s.split(",")
    p.add_argument("--scratch", required=True, help="directory for weights, inputs and samples; run.sh gives it")
    p.add_argument("--networks", type=listed, default=NETWORKS, help=f"some of {','.join(NETWORKS)}")
    p.add_argument("--peers", type=listed, default=PEERS, help=f"some of {','.join(PEERS)}")
    p.add_argument("--threads", type=lambda s: [int(n) for n in s.split(",")], help="default: 1,2")
    p.add_argument("--cores", type=lambda s: [int(n) for n in s.split(",")], default=sorted(os.sched_getaffinity(0)),
                   help="cores to pin to, the first for one thread; default: those there are")
    p.add_argument("--samples", type=int, help="turns of every peer; default: 9")
    p.add_argument("--minutes", type=float, default=180, help="begin no turn after so many minutes; default: 180")
    p.add_argument("--pause", type=float, default=0.05, help="seconds between turns; default: 0.05")
    p.add_argument("--load-timeout", type=float, default=1800, help="seconds that loading may take, which for "
                   "torch.compile means compiling; default: 1800")
    p.add_argument("--quick", action="store_true", help="2 turns, one thread: does everything work?")
    p.add_argument("--fresh", action="store_true", help="put aside the samples there are")
    p.add_argument("--report", default=os.path.join(HERE, ".."), help="directory for RESULTS.md and its plot")
    p.add_argument("--report-only", action="store_true", help="measure nothing")
    o = p.parse_args()
    o.samples = o.samples or (2 if o.quick else 9)
    o.threads = o.threads or ([1] if o.quick else [1, 2])
    o.threads = [n for n in o.threads if n <= len(o.cores)]
    for what, known in (("networks", NETWORKS), ("peers", PEERS)):
        for name in getattr(o, what):
            if name not in known:
                p.error(f"--{what} {name}: want some of {','.join(known)}")
    return o


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that workers are stopped
    deadline = time.monotonic() + 60 * options.minutes
    path = os.path.join(options.scratch, "samples.jsonl")
    if not options.report_only:
        if options.fresh and os.path.exists(path):
            os.rename(path, path + time.strftime(".%Y%m%d-%H%M%S"))
        print("preparing weights, inputs and ONNX files", flush=True)
        subprocess.run([sys.executable, "-W", "ignore", os.path.join(HERE, "networks.py"), options.scratch,
                        *options.networks], check=True, stderr=subprocess.DEVNULL)
        samples = Samples(path, machine(options.cores, options.scratch))
        for network in options.networks:
            for threads in options.threads:
                measure(network, threads, options, samples, deadline)
    with open(path) as f:
        report.write([json.loads(line) for line in f], options.report)


if __name__ == "__main__":
    main()
