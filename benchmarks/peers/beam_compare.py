"""Runs the jobs of Argand and of Beam's Python SDK in turn, each in a process of its own, and prints the comparison.
Started by beam.sh; see there and --help.

What is counted of a job: the time from its start to its end, from the model loaded to the job done (where several
processes load it, from the mean of these times), the CPU time of all its processes, and their peak PSS: memory in RAM,
shared pages by parts, looked at ten times a second.
"""
import argparse
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import beam_report

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")

# job -> (its input in the directory of pictures, weights)
JOBS = {
    "classify": ("small-*.jpg", "beam-resnet50.pth"),
    "detect": ("large-*.jpg", "maskrcnn.pth"),
    "multiply": ("numbers.txt", os.path.join(ROOT, "examples", "fivetimes", "fivetimes.pth")),
}
EXACT = "exact-*.png"  # pictures that both sides decode to the same pixels, for comparing

# contestant -> arguments of beam_jobs.py; CORES is how many cores there are
CONTESTANTS = {
    "argand": None,
    "python": ["--threads", "CORES"],
    "python-cl": ["--threads", "CORES", "--channels-last"],
    "python-1": ["--threads", "1"],
    "python-threads": ["--mode", "multi_threading", "--workers", "CORES"],
    "python-threads-cl": ["--mode", "multi_threading", "--workers", "CORES", "--channels-last"],
    "python-workers": ["--mode", "multi_processing", "--workers", "CORES"],
    "python-workers-cl": ["--mode", "multi_processing", "--workers", "CORES", "--channels-last"],
}
DEFAULT = {
    "classify": ["argand", "python", "python-threads", "python-workers"],
    "detect": ["argand", "python", "python-workers"],
    "multiply": ["argand", "python"],
}


def adopt_orphans():
    """Makes this process the parent of what its children leave behind, so that their CPU time is counted too."""
    PR_SET_CHILD_SUBREAPER = 36
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def tree(root):
    """The process and all below it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as f:
                    todo += [int(child) for child in f.read().split()]
        except OSError:
            pass  # it has ended
    return found


def pss(pids):
    """Bytes in RAM, and how many of the processes have any."""
    total, alive = 0, 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                kB = int(re.search(r"^Pss: +(\d+)", f.read(), re.M)[1])
        except (OSError, TypeError):
            continue
        total, alive = total + 1024 * kB, alive + 1
    return total, alive


def cpu_of_children():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def run(command, events, log, timeout):
    """Runs a job. Its times are in seconds, its memory in bytes."""
    if os.path.exists(events):
        os.remove(events)
    cpu, peak, processes = cpu_of_children(), 0, 0
    start = time.time()
    child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                             env=dict(os.environ, PYTHONPATH=HERE))
    while child.poll() is None:
        if time.time() > start + timeout:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise SystemExit(f"{' '.join(command)} took more than {timeout} s")
        memory, alive = pss(tree(child.pid))
        peak, processes = max(peak, memory), max(processes, alive)
        time.sleep(0.1)
    end = time.time()
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {child.returncode}; see {log.name}")
    reap(timeout=10)
    result = {"whole": end - start, "cpu": cpu_of_children() - cpu, "pss": peak, "processes": processes}
    if os.path.exists(events):
        with open(events) as f:
            lines = [line.split() for line in f]
        loaded = [float(t) for word, t in lines if word == "loaded"]
        done = [float(t) for word, t in lines if word == "done"]
        ready = sum(loaded) / len(loaded)
        result.update(start=ready - start, steady=done[-1] - ready, loads=len(loaded))
    return result


def reap(timeout):
    """Waits for what the job has left behind."""
    stop = time.time() + timeout
    while time.time() < stop:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            return
    raise SystemExit("a job has left processes behind")


def command(job, contestant, inputs, output, o):
    weights = os.path.join(o.scratch, JOBS[job][1])
    inputs = os.path.join(o.scratch, "beam-pictures", inputs)
    arguments = CONTESTANTS[contestant]
    if arguments is None and job == "multiply":
        return [os.path.join(o.scratch, "fivetimes"), "--input", inputs, "--model", weights, "--output", output]
    both = ["--model", weights, "--output", output, "--events", o.events]
    if arguments is None:
        return [os.path.join(o.scratch, "beam"), job, "--pictures", inputs, *both]
    cores = str(len(os.sched_getaffinity(0)))
    return [sys.executable, "-W", "ignore", os.path.join(HERE, "beam_jobs.py"), job, "--input", inputs, *both,
            *(cores if a == "CORES" else a for a in arguments)]


def output_of(job, contestant, o):
    return os.path.join(o.scratch, f"beam-{job}-{contestant}.jsonl")


def measure(job, contestants, o, log):
    """Runs the job of every contestant in each round, beginning with another each time."""
    results = {c: [] for c in contestants}
    for i in range(o.rounds):
        first = i % len(contestants)
        for c in contestants[first:] + contestants[:first]:
            time.sleep(o.pause)
            r = run(command(job, c, JOBS[job][0], output_of(job, c, o), o), o.events, log, o.timeout)
            results[c].append(r)
            print(f"{job}, {c}: " + ", ".join(f"{k} {v:.6g}" for k, v in r.items()), flush=True)
    return results


def check(job, contestants, o, log):
    """Compares Argand's results with the next contestant's, for Mask R-CNN also those from PNG files."""
    if len(contestants) < 2:
        return []
    outputs = [output_of(job, c, o) for c in contestants[:2]]
    said = [f"* {beam_report.JOBS[job]}: {beam_report.compare(job, *outputs)}."]
    if job == "detect":
        outputs = [output_of("exact", c, o) for c in contestants[:2]]
        for c, output in zip(contestants, outputs):
            run(command(job, c, EXACT, output, o), o.events, log, o.timeout)
        said.append("* the same from PNG files, which unlike JPEG files both decode to the same pixels (random weights "
                    f"amplify what differs): {beam_report.compare(job, *outputs)}.")
    print("\n".join(said), flush=True)
    return said


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scratch", required=True, help=argparse.SUPPRESS)
    p.add_argument("--jobs", type=lambda s: s.split(","), default=list(JOBS), help="default: " + ",".join(JOBS))
    p.add_argument("--contestants", type=lambda s: s.split(","), help=f"some of {','.join(CONTESTANTS)}; default: "
                   "argand, python, for pictures python-workers, for ResNet-50 python-threads")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--small", type=int, default=200, help="pictures for ResNet-50; default: 200")
    p.add_argument("--large", type=int, default=20, help="pictures for Mask R-CNN; default: 20")
    p.add_argument("--lines", type=int, default=100_000, help="of the five-times table; default: 100000")
    p.add_argument("--pause", type=float, default=0.5, help="seconds between jobs; default: 0.5")
    p.add_argument("--timeout", type=float, default=600, help="seconds that a job may take; default: 600")
    p.add_argument("--write", action="store_true", help="put the report into RESULTS.md, besides printing it")
    o = p.parse_args()
    for what, known in (("jobs", JOBS), ("contestants", CONTESTANTS)):
        for name in getattr(o, what) or []:
            if name not in known:
                p.error(f"--{what} {name}: want some of {','.join(known)}")
    if o.contestants and o.contestants[0] != "argand":
        p.error("--contestants: the first must be argand, beside which the others are held")
    o.events = os.path.join(o.scratch, "beam-events.txt")
    return o


def main():
    o = parse()
    adopt_orphans()
    counts = {"classify": o.small, "detect": o.large, "multiply": o.lines}
    subprocess.run([sys.executable, "-W", "ignore", os.path.join(HERE, "beam_prepare.py"), o.scratch,
                    *(str(counts[j]) for j in JOBS)], check=True)
    measured, said = {}, []
    with open(os.path.join(o.scratch, "beam.log"), "a") as log:
        for job in o.jobs:
            contestants = o.contestants or DEFAULT[job]
            measured[job] = counts[job], measure(job, contestants, o, log)
            said += check(job, contestants, o, log)
    text = beam_report.text(o.rounds, measured, said)
    print("\n" + text)
    if o.write:
        beam_report.splice(text, os.path.join(HERE, "..", "RESULTS.md"))


if __name__ == "__main__":
    main()
