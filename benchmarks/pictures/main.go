//go:build unix

// Command pictures compares decoding and resizing with Pillow and with
// torchvision's own decoders and uint8 resizing, in one interleaved run:
//
//	go run ./benchmarks/pictures -python python3 -o benchmarks/pictures/RESULTS.md
//
// Every measurement is of the CPU time of a whole process, its garbage
// collector's included, on one thread of each; the file is in memory. The
// python needs Pillow, PyTorch and torchvision.
package main

import (
	"bufio"
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
	"syscall"
	"time"

	"github.com/argand-go/argand/nn/picture"
)

const megapixels = 2048 * 1536 / 1e6 // of every picture

func main() {
	log.SetFlags(0)
	python := flag.String("python", "python3", "interpreter that has Pillow and torchvision")
	script := flag.String("peer", "benchmarks/pictures/peer.py", "the script beside this program")
	rounds := flag.Int("n", 7, "rounds, of which the median counts")
	output := flag.String("o", "", "file to write the results to, besides the terminal")
	flag.Parse()
	text, err := compare(*python, *script, *rounds)
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

// A job is one row of the table.
type job struct {
	work, file string
	times      int // that it is done in a round
	vision     bool
}

// jobs lists what is compared. torchvision has no decoder of its own for BMP and TIFF.
func jobs() []job {
	return []job{
		{"decode", "photo.jpg", 5, true}, {"decode", "444.jpg", 5, true}, {"decode", "progressive.jpg", 3, true},
		{"decode", "photo.png", 3, true}, {"decode", "palette.png", 3, true}, {"decode", "photo.webp", 3, true},
		{"decode", "photo.gif", 3, true}, {"decode", "photo.bmp", 5, false}, {"decode", "deflate.tif", 3, false},
		{"bilinear", "photo.bmp", 5, false}, {"bicubic", "photo.bmp", 5, false}, {"lanczos", "photo.bmp", 5, false},
		{"bilinear", "photo.png", 5, true}, {"bicubic", "photo.png", 5, true},
	}
}

func compare(python, script string, rounds int) (string, error) {
	runtime.GOMAXPROCS(1)
	dir, err := os.MkdirTemp("", "pictures-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command(python, script, "make", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	versions, err := exec.Command(python, script, "versions").Output()
	if err != nil {
		return "", err
	}
	p, err := startPeer(python, script, dir)
	if err != nil {
		return "", err
	}
	defer p.close()
	list := jobs()
	took := make([][3][]float64, len(list)) // of Argand, Pillow and torchvision, milliseconds a megapixel
	subjects := make([]func() error, len(list))
	for i, j := range list {
		if subjects[i], err = subject(j, dir); err != nil {
			return "", err
		}
	}
	for range rounds {
		for i, j := range list {
			if !j.vision || j.work == "decode" {
				if err := p.add(&took[i][1], "pillow", j); err != nil {
					return "", err
				}
			}
			if j.vision {
				if err := p.add(&took[i][2], "torchvision", j); err != nil {
					return "", err
				}
			}
			start := cpuTime()
			for range j.times {
				if err := subjects[i](); err != nil {
					return "", err
				}
			}
			took[i][0] = append(took[i][0], (cpuTime()-start)*1e3/float64(j.times)/megapixels)
		}
	}
	return report(list, took, strings.TrimSpace(string(versions)), rounds), nil
}

// subject returns what Argand does for a job.
func subject(j job, dir string) (func() error, error) {
	data, err := os.ReadFile(filepath.Join(dir, j.file))
	if err != nil {
		return nil, err
	}
	d, p := picture.NewDecoder(picture.DecodeOptions{}), new(picture.RGB)
	if err := d.Decode(p, data); err != nil {
		return nil, err
	}
	if j.work == "decode" {
		return func() error { return d.Decode(p, data) }, nil
	}
	r, q := picture.Resizer{Torch: j.vision}, new(picture.RGB)
	if err := r.Filter.UnmarshalText([]byte(j.work)); err != nil {
		return nil, err
	}
	return func() error { r.Resize(q, p, 341, 256); return nil }, nil
}

// cpuTime returns the seconds of CPU time that this process has taken.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// A peer is the process of peer.py.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startPeer(python, script, dir string) (*peer, error) {
	cmd := exec.Command(python, script, "serve", dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &peer{cmd, in, bufio.NewScanner(out)}, cmd.Start()
}

// add appends what one round of a job takes.
func (p *peer) add(to *[]float64, name string, j job) error {
	fmt.Fprintln(p.in, name, j.work, j.file, j.times)
	if !p.out.Scan() {
		return fmt.Errorf("the peer ended: %w", p.out.Err())
	}
	seconds, err := strconv.ParseFloat(p.out.Text(), 64)
	*to = append(*to, seconds*1e3/float64(j.times)/megapixels)
	return err
}

func (p *peer) close() {
	p.in.Close()
	p.cmd.Wait()
}

// report writes the table.
func report(list []job, took [][3][]float64, versions string, rounds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Decoding and resizing: picture, Pillow and torchvision\n\n"+
		"`go run ./benchmarks/pictures -python python3 -o benchmarks/pictures/RESULTS.md`, %s, commit %s.\n"+
		"%s; %s, %s.\n\n"+
		"CPU time on one thread, milliseconds a megapixel of the whole picture (2048×1536, like a photo), medians of %d "+
		"interleaved rounds.\nResizing is to 341×256. The last two rows are torch's uint8 arithmetic. JPEG is vector code "+
		"in all three; WebP, and\nresizing in torchvision, are vector code there and Go here.\n\n"+
		"| | Argand | Pillow | torchvision | Argand ÷ Pillow | Argand ÷ torchvision |\n|---|---:|---:|---:|---:|---:|\n",
		time.Now().Format("2006-01-02"), output("git", "rev-parse", "--short", "HEAD"),
		cpu(), runtime.Version(), versions, rounds)
	for i, j := range list {
		name := j.work + " " + j.file
		if j.work != "decode" {
			name = "resize, " + j.work
		}
		own := median(took[i][0])
		cells := []string{name, fmt.Sprintf("%.2f", own)}
		for _, t := range took[i][1:] {
			if len(t) == 0 {
				cells = append(cells, "–")
			} else {
				cells = append(cells, fmt.Sprintf("%.2f", median(t)))
			}
		}
		for _, t := range took[i][1:] {
			if len(t) == 0 {
				cells = append(cells, "–")
			} else {
				cells = append(cells, fmt.Sprintf("%.2f", own/median(t)))
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// cpu returns the name of the processor, as Linux tells it.
func cpu() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), ":"))
		}
	}
	return "unknown CPU"
}
