// Command loaders compares opening a checkpoint with package loaders and with
// torch.load, in one interleaved run:
//
//	go run ./benchmarks/loaders -python python3 -o benchmarks/loaders/RESULTS.md
//
// Every measurement is a process of its own, which first opens a small file;
// the checkpoint is in the page cache. Times are of the wall clock. The python
// needs PyTorch, and torchvision to make the checkpoint if none is given.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

func main() {
	log.SetFlags(0)
	python := flag.String("python", "python3", "interpreter that has PyTorch")
	peer := flag.String("peer", "benchmarks/loaders/peer.py", "the script beside this program")
	file := flag.String("file", "", "checkpoint to open; by default Mask R-CNN, made by torchvision")
	n := flag.Int("n", 9, "repetitions, of which the median counts")
	output := flag.String("o", "", "file to write the results to, besides the terminal")
	child := flag.String("child", "", "one measurement: none, open or touch (for the program itself)")
	flag.Parse()
	if *child != "" {
		if err := measure(*child, *file); err != nil {
			log.Fatal(err)
		}
		return
	}
	b := bench{python: *python, peer: *peer, file: *file}
	text, err := b.run(*n)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(text)
	if *output != "" {
		if err := os.WriteFile(*output, []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
	}
}

// measure prints the milliseconds that what takes, and the kilobytes of
// memory that the process had at its peak.
func measure(what, file string) error {
	if err := openSmall(); err != nil {
		return err
	}
	start := time.Now()
	if what != "none" {
		c, err := loaders.Open(file)
		if err != nil {
			return err
		}
		if what == "touch" {
			if _, err := sum(c); err != nil {
				return err
			}
		}
		defer runtime.KeepAlive(c)
	}
	took := time.Since(start)
	fmt.Println(float64(took)/float64(time.Millisecond), peak())
	return nil
}

// openSmall opens a small file, so that what a process does once is done.
func openSmall() error {
	var d loaders.StateDict
	t, err := tensor.New(tensor.Float32, 3)
	if err != nil {
		return err
	}
	d.Set("w", t)
	var b bytes.Buffer
	if err := loaders.WriteTorch(&b, &d); err != nil {
		return err
	}
	_, err = loaders.OpenBytes(b.Bytes(), "small")
	return err
}

// sum adds up all bytes of all tensors, eight at a time.
func sum(c *loaders.Checkpoint) (uint64, error) {
	var total uint64
	for _, k := range c.Keys() {
		t, err := c.Tensor(k)
		if err != nil {
			return 0, err
		}
		data := t.Bytes()
		for ; len(data) >= 8; data = data[8:] {
			total += binary.LittleEndian.Uint64(data)
		}
		for _, b := range data {
			total += uint64(b)
		}
		runtime.KeepAlive(t)
	}
	return total, nil
}

// peak returns the peak resident set of the process in kilobytes, as Linux
// tells it, or 0.
func peak() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// A bench is one run of all measurements.
type bench struct {
	python, peer, file string
	what               string // the file is
	self               string
}

// ways are what is measured, by name.
var ways = []string{"none", "open", "touch", "torch load", "torch mmap"}

func (b *bench) run(n int) (string, error) {
	if n < 1 {
		return "", fmt.Errorf("%d repetitions", n)
	}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return "", err
	}
	b.what = filepath.Base(b.file)
	if b.file == "" {
		b.what = "A state_dict of Mask R-CNN"
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(dir)
		b.file = filepath.Join(dir, "maskrcnn.pth")
		if _, err := b.child(b.python, b.peer, "make", b.file); err != nil {
			return "", err
		}
	}
	if f, err := os.Open(b.file); err != nil {
		return "", err
	} else if _, err := io.Copy(io.Discard, f); err != nil { // into the page cache
		return "", err
	} else if err := f.Close(); err != nil {
		return "", err
	}
	times, peaks := map[string][]float64{}, map[string][]float64{}
	for rep := range n {
		for i := range ways {
			way := ways[(i+rep)%len(ways)] // each is first once in a while
			out, err := b.measure(way)
			if err != nil {
				return "", err
			}
			times[way] = append(times[way], out[0])
			if len(out) > 1 {
				peaks[way] = append(peaks[way], out[1]/1024)
			}
		}
		fmt.Fprintf(os.Stderr, "\r%d of %d repetitions", rep+1, n)
	}
	fmt.Fprintln(os.Stderr)
	versions, err := b.child(b.python, b.peer, "versions")
	if err != nil {
		return "", err
	}
	return b.report(n, versions, times, peaks)
}

// measure runs one measurement and returns the numbers that it printed.
func (b *bench) measure(way string) ([]float64, error) {
	command := []string{b.self, "-child", way, "-file", b.file}
	if name, ok := strings.CutPrefix(way, "torch "); ok {
		command = []string{b.python, b.peer, name, b.file}
	}
	text, err := b.child(command...)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, f := range strings.Fields(text) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%v printed nothing", command)
	}
	return out, nil
}

func (b *bench) child(command ...string) (string, error) {
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return string(out), nil
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}
