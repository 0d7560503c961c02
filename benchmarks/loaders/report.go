package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report returns the results as a page of Markdown.
func (b *bench) report(n int, versions string, times, peaks map[string][]float64) (string, error) {
	info, err := os.Stat(b.file)
	if err != nil {
		return "", err
	}
	var s strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	say("# Opening a checkpoint: loaders and torch.load\n")
	say("`go run ./benchmarks/loaders -python python3 -o benchmarks/loaders/RESULTS.md`, %s, commit %s.",
		time.Now().UTC().Format(time.DateOnly), commit())
	say("%s, %d CPUs; %s, %s.\n", cpu(), runtime.NumCPU(), runtime.Version(), strings.TrimSpace(versions))
	say("%s of %.1f MB in the page cache; medians of %d interleaved repetitions,",
		b.what, float64(info.Size())/1e6, n)
	say("each in a process of its own. Peak is the resident set of the process at its peak, of which the")
	say("mapped file is a part once it is touched; the system can take that back.\n")
	say("| | ms | lowest | × torch.load | peak MB |")
	say("|---|---:|---:|---:|---:|")
	load := median(times["torch load"])
	for _, row := range []struct{ way, name string }{
		{"open", "loaders: open"},
		{"torch mmap", "torch.load(mmap=True)"},
		{"touch", "loaders: open, sum of all bytes"},
		{"torch load", "torch.load"},
	} {
		t := times[row.way]
		memory := "–"
		if p := peaks[row.way]; len(p) > 0 {
			memory = fmt.Sprintf("%.1f", median(p))
		}
		say("| %s | %.2f | %.2f | %.3f | %s |", row.name, median(t), lowest(t), median(t)/load, memory)
	}
	open, touch := median(times["open"]), median(times["touch"])
	own := median(peaks["open"]) - median(peaks["none"])
	say("\n| target | measured | |")
	say("|---|---:|---|")
	for _, target := range []struct {
		name     string
		measured float64
		most     float64
	}{
		{"open ≤ 0.1 × torch.load", open / load, 0.1},
		{"open ≤ 1 × torch.load(mmap=True)", open / median(times["torch mmap"]), 1},
		{"open + touch every byte ≤ 0.4 × torch.load", touch / load, 0.4},
		{"peak of open ≤ 25 MB above the program's own", own, 25},
	} {
		verdict := "met"
		if !(target.measured <= target.most) {
			verdict = "**missed**"
		}
		say("| %s | %.3f | %s |", target.name, target.measured, verdict)
	}
	return s.String(), nil
}

func lowest(x []float64) float64 {
	low := x[0]
	for _, v := range x {
		low = min(low, v)
	}
	return low
}

// commit returns the short name of the commit that is checked out, or unknown.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// cpu returns the name of the processor.
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				return strings.Trim(name, "\t :\n")
			}
		}
	}
	return runtime.GOARCH
}
