"""Turns samples into a table and a plot.

    python report.py SAMPLES DIRECTORY    # writes RESULTS.md's part about peers, and results.svg
"""
import json
import os
import statistics
import sys

TITLES = {
    "resnet18": "ResNet-18, batch 1", "resnet50": "ResNet-50, batch 1", "resnet50x8": "ResNet-50, batch 8",
    "features": "Mask R-CNN: body, FPN, RPN head", "boxhead": "Mask R-CNN: box head, 1000 RoIs",
    "maskhead": "Mask R-CNN: mask head, 100 RoIs", "maskrcnn": "Mask R-CNN R50-FPN, whole",
}
PEERS = {
    "eager": "torch eager", "channels_last": "torch channels_last", "compile": "torch.compile, freezing",
    "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "argand": "**Argand**",
}
PARTS = ["features", "boxhead", "maskhead"]
BEGIN, END = "<!-- peers: begin, written by peers/report.py -->", "<!-- peers: end -->"


class Results:
    """What the lines of a file of samples come to."""

    def __init__(self, lines):
        self.machine = lines[0]["machine"]
        self.ms, self.failed, self.errors, self.peaks = {}, {}, {}, []
        for l in lines[1:]:
            key = (l["network"], l["threads"])
            if "ms" in l:
                for peer, ms in l["ms"].items():
                    self.ms.setdefault((*key, peer), []).append(ms)
                if l["peak"]:
                    self.peaks.append(l["peak"])
            elif "failed" in l:
                self.failed[(*key, l["peer"])] = l["failed"]
            else:
                self.errors[(*key, l["peer"])] = l.get("differs") or f"{l['error']:.0e}"
        self.threads = sorted({k[1] for k in self.ms})
        self.networks = [n for n in TITLES if any(k[0] == n for k in self.ms)]

    def median(self, network, threads, peer):
        samples = self.ms.get((network, threads, peer))
        return statistics.median(samples) if samples else None

    def fastest(self, network, threads):
        """The least median of all but Argand, and whose it is."""
        found = [(self.median(network, threads, p), p) for p in PEERS if p != "argand"]
        return min((f for f in found if f[0] is not None), default=(None, None))

    def samples(self):
        counts = [len(v) for v in self.ms.values()]
        return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def number(ms):
    return "–" if ms is None else f"{ms:.1f}" if ms < 100 else f"{ms:.0f}"


def ratio(a, b):
    return "–" if a is None or not b else f"{a / b:.2f}"


def total(values):
    return None if not values or any(v is None for v in values) else sum(values)


def table(r, threads):
    rows = ["| ms, median | " + " | ".join(PEERS.values()) + " | Argand ÷ fastest peer |", "|" + "---|" * (len(PEERS) + 2)]
    for n in r.networks:
        fastest, who = r.fastest(n, threads)
        cells = []
        for p in PEERS:
            cell = number(r.median(n, threads, p))
            if cell == "–" and (n, threads, p) in r.failed:
                cell = "fails"
            cells.append(f"**{cell}**" if p == who else cell)
        rows.append(f"| {TITLES[n]} | " + " | ".join(cells) + f" | {ratio(r.median(n, threads, 'argand'), fastest)} |")
    return "\n".join(rows)


def ratios(r):
    """What the aims are stated in: (what, aim by threads, ratio by threads)."""
    whole = lambda t, p="argand": r.median("maskrcnn", t, p)
    peers = lambda t: total([r.fastest(n, t)[0] for n in PARTS])
    own = lambda t: total([r.median(n, t, "argand") for n in PARTS])
    best = lambda n: lambda t: ratio(r.median(n, t, "argand"), r.fastest(n, t)[0])
    lines = [
        ("Mask R-CNN whole ÷ torchvision eager", "≤ 0.45", lambda t: ratio(whole(t), whole(t, "eager"))),
        ("Mask R-CNN whole, all masks pasted as torchvision does ÷ torchvision eager", "",
         lambda t: ratio(whole(t, "argand+paste"), whole(t, "eager"))),
        ("Mask R-CNN whole ÷ torchvision with compiled parts", "≤ 0.55", lambda t: ratio(whole(t), whole(t, "compile"))),
        ("the three parts ÷ the fastest peer of each", "≤ 0.65 / 0.70", lambda t: ratio(own(t), peers(t))),
        ("Mask R-CNN whole ÷ the fastest peers' three parts", "≤ 0.75 / 0.80", lambda t: ratio(whole(t), peers(t))),
        ("ResNet-50 batch 1 ÷ the fastest peer", "≤ 0.9, better 0.8", best("resnet50")),
        ("ResNet-18 batch 1 ÷ the fastest peer", "≤ 1.0", best("resnet18")),
    ]
    out = ["| ratio | aim | " + " | ".join(threads_title(t) for t in r.threads) + " |", "|---|---|" + "---|" * len(r.threads)]
    for what, aim, of in lines:
        values = [of(t) for t in r.threads]
        if any(v != "–" for v in values):
            out.append(f"| {what} | {aim} | " + " | ".join(values) + " |")
    for n in r.networks:
        values = [ratio(r.median(n, t, "argand+1"), r.median(n, t, "argand")) for t in r.threads]
        if any(v != "–" for v in values):
            aim = "≥ 1.85" if n == "maskrcnn" else ""
            out.append(f"| one thread ÷ these, Argand, {TITLES[n]} | {aim} | " + " | ".join(values) + " |")
    return "\n".join(out)


def threads_title(t):
    return "1 thread" if t == 1 else f"{t} threads"


def errors(r):
    out = []
    for n in r.networks:
        known = [(p, r.errors.get((n, t, p))) for t in r.threads[:1] for p in PEERS]
        text = ", ".join(f"{PEERS[p].strip('*')} {e}" for p, e in known if e)
        if text:
            out.append(f"* {TITLES[n]}: {text}")
    for (n, t, p), why in r.failed.items():
        out.append(f"* {PEERS.get(p, p)}, {TITLES[n]}, {threads_title(t)}: fails: `{why[:200]}`")
    return "\n".join(out)


def plot(r, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "argand", "font.size": 9})
    colors = {"eager": "#f4b183", "channels_last": "#ed8936", "compile": "#c05621", "onnxruntime": "#90a4c8",
              "openvino": "#5b7db1", "argand": "#2f855a"}
    figure, axes = plt.subplots(len(r.threads), 1, figsize=(11, 3.4 * len(r.threads)), squeeze=False)
    for axis, t in zip(axes[:, 0], r.threads):
        for i, n in enumerate(r.networks):
            fastest, _ = r.fastest(n, t)
            peers = [p for p in PEERS if r.median(n, t, p) is not None]
            for j, p in enumerate(peers):
                if not fastest:
                    continue
                samples = r.ms[(n, t, p)]
                height, x = r.median(n, t, p) / fastest, i + (j - (len(peers) - 1) / 2) * 0.14
                axis.bar(x, height, 0.13, color=colors[p])
                axis.plot([x, x], [min(samples) / fastest, max(samples) / fastest], color="#333", linewidth=0.8)
                axis.text(x, 0.03, number(r.median(n, t, p)), rotation=90, ha="center", va="bottom", fontsize=7,
                          color="white" if p in ("argand", "compile") else "black")
        axis.axhline(1, color="#888", linewidth=0.7)
        axis.set_ylim(0, 2.6)
        axis.set_xticks(range(len(r.networks)), [TITLES[n].replace(": ", ":\n").replace(", ", ",\n", 1) for n in r.networks],
                        fontsize=8)
        axis.set_ylabel("time ÷ fastest peer")
        axis.set_title(f"{threads_title(t)}: median ms in the bars, lines from least to greatest", fontsize=9, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colors[p]) for p in PEERS]
    figure.legend(handles, [PEERS[p].strip("*") for p in PEERS], ncol=len(PEERS), loc="upper center", frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(path, metadata={"Date": None})


def section(r):
    m = r.machine
    versions = ", ".join(f"{k} {v}" for k, v in m["versions"].items())
    peaks = f"{min(r.peaks):.0f} to {max(r.peaks):.0f} GFLOP/s (median {statistics.median(r.peaks):.0f})" if r.peaks else "–"
    text = [
        BEGIN, "## Argand and its peers, interleaved", "",
        f"`benchmarks/peers/run.sh`, medians of {r.samples()} samples, all peers in turn on the same cores (see the script "
        "for how). Single precision everywhere; torch's own default, without folding batch norms. Times include what each "
        "needs to take a picture or tensor in PyTorch's layout and to give results back. Whole: torchvision pastes all "
        "masks into the picture, Argand when a mask is asked for.", "",
        f"* CPU: {m['cpu']}, {m['family']}; {', '.join(m['flags'])}; {m['caches']}; cores {m['cores']}",
        f"* FMA peak of a core, measured before every turn: {peaks}",
        f"* {versions}; Python {m['python']}, {m['go']}, {m['system']}",
        f"* commit {m['commit']}{' with changes' if m['changed'] else ''}", "", "![time relative to the fastest peer](results.svg)",
    ]
    for t in r.threads:
        text += ["", f"### {threads_title(t)}", "", table(r, t)]
    text += ["", "### Ratios", "", ratios(r), "", "### Do they compute the same?", "",
             "The greatest difference from torch eager in the first output, by its greatest number (whole: in the scores):",
             "", errors(r), END, ""]
    return "\n".join(text)


def write(lines, directory):
    """Writes the section into RESULTS.md, in the place of an older one, and the plot beside it."""
    r = Results(lines)
    if not r.ms:
        print("no samples yet, so no report")
        return
    path = os.path.join(directory, "RESULTS.md")
    old = open(path).read() if os.path.exists(path) else "# Results\n\n"
    before, found, rest = old.partition(BEGIN)
    after = rest.partition(END)[2].lstrip("\n") if found else ""
    text = before.rstrip("\n") + "\n\n" + section(r) + ("\n" + after if after else "")
    plot(r, os.path.join(directory, "results.svg"))
    with open(path, "w") as f:
        f.write(text)
    print("wrote", os.path.normpath(path))


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        write([json.loads(line) for line in f], sys.argv[2])
