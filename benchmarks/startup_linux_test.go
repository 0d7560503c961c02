package benchmarks

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
)

// BenchmarkStartup starts processes that find the shapes in a picture with the
// embedded network and end: "library" is a program of this module's packages
// alone (the test binary), "argand" the command, which has all of Beam in it,
// and "argand-pipeline" a job of that picture on Beam's prism.
// ns/op is the median of the wall time from start to end; ms_cpu the median of
// the CPU time of all threads, which a busy machine disturbs less.
func BenchmarkStartup(b *testing.B) {
	dir := b.TempDir()
	data, err := fs.ReadFile(shapes.Pictures(), "s512.png")
	if err != nil {
		b.Fatal(err)
	}
	picture := filepath.Join(dir, "s512.png")
	if err := os.WriteFile(picture, data, 0o600); err != nil {
		b.Fatal(err)
	}
	argand := filepath.Join(dir, "argand")
	if out, err := exec.Command("go", "build", "-o", argand, "../cmd/argand").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, program := range []struct {
		name string
		args []string
	}{
		{"library", []string{os.Args[0], "-child=" + embedded}},
		{"argand", []string{argand, "detect", "--jsonl", picture}},
		{"argand-pipeline", []string{argand, "pipeline", "--input", picture, "--output", filepath.Join(dir, "out")}},
		{"argand-version", []string{argand, "--version"}},
	} {
		b.Run(program.name, func(b *testing.B) {
			var wall, cpu []time.Duration
			for b.Loop() {
				cmd := exec.Command(program.args[0], program.args[1:]...)
				start := time.Now()
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				wall = append(wall, time.Since(start))
				cpu = append(cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
			}
			b.ReportMetric(float64(median(wall).Nanoseconds()), "ns/op")
			b.ReportMetric(median(wall).Seconds()*1e3, "ms_wall")
			b.ReportMetric(slices.Min(wall).Seconds()*1e3, "ms_least")
			b.ReportMetric(median(cpu).Seconds()*1e3, "ms_cpu")
		})
	}
}

// BenchmarkFirstRun compares the first run of a network that has just been
// loaded with the tenth: it plans, and touches the memory of an arena for the
// first time. It reports the ratios of the medians of wall and of CPU times.
func BenchmarkFirstRun(b *testing.B) {
	for _, network := range []string{"resnet50", "maskrcnn", "shapes"} {
		b.Run(network, func(b *testing.B) {
			path := checkpoint(b, network, false)
			var wall, cpu [10][]time.Duration
			for b.Loop() {
				n, err := load(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				for i := range wall {
					start, used := time.Now(), cpuTime()
					if _, err := n.run(b.Context()); err != nil {
						b.Fatal(err)
					}
					wall[i] = append(wall[i], time.Since(start))
					cpu[i] = append(cpu[i], cpuTime()-used)
				}
				if err := n.close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(median(wall[0]).Seconds()*1e3, "ms_first")
			b.ReportMetric(median(wall[9]).Seconds()*1e3, "ms_tenth")
			b.ReportMetric(median(wall[0]).Seconds()/median(wall[9]).Seconds(), "×tenth")
			b.ReportMetric(median(cpu[0]).Seconds()/median(cpu[9]).Seconds(), "×tenth_cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLoad folds, transforms and packs the weights of a network on one
// core, from memory, and reports the median of the wall time, and of the CPU
// time.
func BenchmarkLoad(b *testing.B) {
	for _, network := range []string{"resnet50", "maskrcnn", "shapes"} {
		b.Run(network, func(b *testing.B) {
			data, err := os.ReadFile(checkpoint(b, network, false))
			if err != nil {
				b.Fatal(err)
			}
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			var wall, cpu []time.Duration
			for b.Loop() {
				c, err := loaders.OpenBytes(data, network)
				if err != nil {
					b.Fatal(err)
				}
				start, used := time.Now(), cpuTime()
				n, err := loadFrom(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				wall = append(wall, time.Since(start))
				cpu = append(cpu, cpuTime()-used)
				if err := n.close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(median(wall).Seconds()*1e3, "ms_wall")
			b.ReportMetric(median(cpu).Seconds()*1e3, "ms_cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}
