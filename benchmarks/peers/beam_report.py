"""The report of beam_compare.py: tables, ratios, and whether the results agree."""
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from importlib.metadata import version

import numpy as np
from pycocotools import mask

BEGIN, END = "<!-- beam: begin, written by peers/beam_report.py -->", "<!-- beam: end -->"
JOBS = {"classify": "ResNet-50", "detect": "Mask R-CNN R50-FPN", "multiply": "Five-times table"}
CONTESTANTS = {
    "argand": "**Argand**",
    "python": "Python, 1 process",
    "python-cl": "Python, 1 process, channels_last",
    "python-1": "Python, 1 process, 1 torch thread",
    "python-threads": "Python, 1 process, a worker thread per core",
    "python-threads-cl": "Python, 1 process, a worker thread per core, channels_last",
    "python-workers": "Python, a worker process per core",
    "python-workers-cl": "Python, a worker process per core, channels_last",
}


def read(path):
    """The lines that a job has written, by file or number."""
    rows = {}
    with open(path) as f:
        for line in f:
            row = json.loads(line)
            if "file" in row:
                rows[row["file"]] = row
            elif "name" in row["example"]:
                rows[row["example"]["name"]] = row["inference"]
            else:
                rows[row["example"][0]] = row["inference"]
    return rows


def compare(job, argand, python):
    """A sentence about the results of two jobs, which must be of the same pictures or numbers."""
    a, b = read(argand), read(python)
    if a.keys() != b.keys():
        raise SystemExit(f"{job}: results for {len(a)} and {len(b)} inputs that differ")
    if job == "multiply":
        worst = max(abs(a[x][0] - b[x][0]) / max(1, abs(b[x][0])) for x in a)
        return f"{len(a)} products differ by at most {worst:.1e} of themselves"
    if job == "classify":
        same = sum(a[f]["labels"][0] == b[f]["labels"][0] for f in a)
        worst = max(abs(a[f]["scores"][0] - b[f]["scores"][0]) for f in a)
        different = len({r["labels"][0] for r in b.values()})
        return (f"the most probable class is the same for {same} of {len(a)} pictures ({different} different classes); "
                f"its probabilities differ by at most {worst:.1e}")
    return compare_detections(a, b)


def compare_detections(a, b):
    """Pairs each object of Python's with the one of the same class that overlaps it most."""
    boxes, scores, overlaps, masks = [], [], [], []
    for f in a:
        p, q = np.float64(b[f]["boxes"]).reshape(-1, 4), np.float64(a[f]["boxes"]).reshape(-1, 4)
        if not len(p) or not len(q):
            overlaps += [0] * len(p)
            continue
        wide = lambda boxes: [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes]
        iou = mask.iou(wide(p), wide(q), [0] * len(q))
        iou[np.array(b[f]["labels"])[:, None] != np.array(a[f]["labels"])[None]] = 0
        pairs = iou.argmax(1)
        for i, j in enumerate(pairs):
            overlaps.append(iou[i, j])
            if iou[i, j] > 0.9:
                boxes.append(np.abs(p[i] - q[j]).max())
                scores.append(abs(b[f]["scores"][i] - a[f]["scores"][j]))
                code = [{"size": [480, 640], "counts": r["masks"][k].encode()} for r, k in ((b[f], i), (a[f], j))]
                masks.append(mask.iou(code[:1], code[1:], [0])[0, 0])
    share = sum(v > 0.9 for v in overlaps) / len(overlaps)
    return (f"{len(overlaps)} objects in {len(a)} pictures, {100 * share:.1f} % of them found by both (same class, "
            f"IoU > 0.9); of these, boxes differ by a median of {statistics.median(boxes):.3f} pixels, scores of "
            f"{statistics.median(scores):.1e}, and masks have a median IoU of {statistics.median(masks):.4f}")


def spread(ratios):
    """The median, and from where to where they lie."""
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def table(job, results, n):
    """The table of a job: medians of all rounds."""
    whole = lambda r: n / r["whole"]
    steady = lambda r: n / r["steady"]
    columns = [("per s, all included", whole, "{:.2f}"), ("per s, model loaded", steady, "{:.2f}"),
               ("s to model loaded", lambda r: r["start"], "{:.2f}"), ("CPU s", lambda r: r["cpu"], "{:.1f}"),
               ("peak PSS, MB", lambda r: r["pss"] / 1e6, "{:.0f}"), ("processes", lambda r: r["processes"], "{:.0f}"),
               ("model loads", lambda r: r["loads"], "{:.0f}")]
    if job == "multiply":
        columns = [("lines per s, all included", whole, "{:.0f}"), *columns[3:6]]
    lines = ["| | " + " | ".join(c[0] for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for contestant, rounds in results.items():
        cells = [c[2].format(statistics.median(c[1](r) for r in rounds)) for c in columns]
        lines.append(f"| {CONTESTANTS[contestant]} | " + " | ".join(cells) + " |")
    return lines


AIMS = {("classify", "python"): ("≥ 2.2", "≥ 1.8", "≤ 0.5"), ("classify", "python-workers"): ("", "", "≤ 0.3"),
        ("detect", "python"): ("≥ 2", "≥ 2", "≤ 0.5"), ("detect", "python-workers"): ("≥ 2", "≥ 2", "≤ 0.3")}


def ratios(job, results):
    """Argand against each of the others, round by round."""
    lines = []
    for contestant, rounds in results.items():
        if contestant == "argand":
            continue
        pairs = list(zip(results["argand"], rounds))
        faster, steady, memory = AIMS.get((job, contestant), ("", "", ""))
        rows = [("times as fast, all included", [b["whole"] / a["whole"] for a, b in pairs], faster)]
        if "steady" in rounds[0] and "steady" in results["argand"][0]:
            rows.append(("times as fast, model loaded", [b["steady"] / a["steady"] for a, b in pairs], steady))
        rows += [("share of its CPU time", [a["cpu"] / b["cpu"] for a, b in pairs], ""),
                 ("share of its peak PSS", [a["pss"] / b["pss"] for a, b in pairs], memory)]
        for what, values, aim in rows:
            lines.append(f"| {JOBS[job]}: {CONTESTANTS[contestant]} | {what} | {aim} | {spread(values)} |")
    return lines


def cuda_share():
    """How much of a process that has imported torch, and does nothing, are the libraries of CUDA; in bytes."""
    code = """
import re, torch
name, sums = "", [0, 0]
for line in open("/proc/self/smaps"):
    if m := re.match(r"[0-9a-f]+-[0-9a-f]+ (?:\\S+ +){4}(.*)", line):
        name = m[1]
    elif line.startswith("Pss:"):
        sums[bool(re.search("nvidia|cuda|triton|nccl", name))] += 1024 * int(line.split()[1])
print(*sums)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [int(n) for n in out.split()]


def machine():
    """Lines of a list about where and with what was measured."""
    output = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    cpu = {}
    for line in open("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        cpu.setdefault(key.strip(), value.strip())
    flags = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")
    family = ", ".join(f"{k} {cpu.get(k, '?')}" for k in ("cpu family", "model", "stepping"))
    changed = output("git", "status", "--porcelain", "--", ":/*.go", ":/*.s", ":/benchmarks/peers/*beam*")
    versions = ", ".join(f"{p} {version(p)}" for p in ("apache-beam", "torch", "torchvision", "pillow", "numpy"))
    other, cuda = cuda_share()
    return [
        f"* CPU: {cpu.get('model name', platform.machine())}, {family}; "
        f"{', '.join(f for f in flags if f in cpu.get('flags', '').split())}; {len(os.sched_getaffinity(0))} cores",
        f"* {versions}; Python {platform.python_version()}, {output('go', 'env', 'GOVERSION')}, "
        f"{platform.system()} {platform.release()}",
        f"* commit {output('git', 'rev-parse', '--short=12', 'HEAD')}{', changed' if changed else ''}",
        f"* a Python process that has only imported torch has {(other + cuda) / 1e6:.0f} MB, {cuda / 1e6:.0f} of them "
        "CUDA's libraries, which torch's CPU wheels lack",
    ]


def text(rounds, measured, said):
    """The report. Measured has the number of inputs and the results of each job: those of every contestant's rounds."""
    lines = [
        BEGIN, "## Argand and Beam's Python SDK", "",
        f"`benchmarks/peers/beam.sh`, {rounds} rounds, in turn on the same cores; medians, and of ratios, which are "
        "taken round by round, from the least to the greatest. Argand on prism, Python on FnApiRunner in memory; "
        "single precision; the same JPEG files and weights; a line of JSON for each, masks in COCO's run-length code. "
        "All have a thread per core: with workers one of each, otherwise of torch or Go. Model loaded: from then until "
        "the job is done.",
        "", *machine(), ""]
    for job, (n, results) in measured.items():
        what = "lines" if job == "multiply" else "pictures"
        lines += [f"### {JOBS[job]}, {n} {what}", "", *table(job, results, n), ""]
    lines += ["### Ratios", "", "| Argand beside | | aim | measured |", "|---|---|---|---|"]
    for job, (_, results) in measured.items():
        lines += ratios(job, results)
    lines += ["", "### Do they compute the same?", "", *said, END]
    return "\n".join(lines) + "\n"


def splice(report, path):
    """Puts the report in the place of the one before it, or at the end."""
    with open(path) as f:
        old = f.read()
    if BEGIN in old:
        before, rest = old.split(BEGIN, 1)
        report = before + report + rest.split(END + "\n", 1)[1]
    else:
        report = old + "\n" + report
    with open(path, "w") as f:
        f.write(report)
