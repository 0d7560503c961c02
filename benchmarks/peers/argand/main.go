// Argand is the worker that stands for this project in the comparison with its peers: a process that loads one network
// and runs it when it is told to. It is started by peers.py as
//
//	argand NETWORK THREADS DIRECTORY
//
// and says {"ready": VERSION} or {"error": TEXT}. Then it answers each line of its input with one of JSON:
//
//	run LEAD COUNT   runs LEAD times, then COUNT times by the clock: {"ms": [12.3, …]}
//	output FILE      runs once and writes the first output as float32, little-endian: {"ok": true}
//	peak             measures the peak of a core: {"gflops": 118.1}
//
// Worker.py speaks the same language for the peers.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/argand-go/argand/kernels"
)

func main() {
	if err := serve(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "argand:", err)
		os.Exit(1)
	}
}

type reply map[string]any

// serve loads the network and answers until the input ends.
func serve(args []string, in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	var s *subject
	err := fmt.Errorf("arguments %q: want a network, threads and a directory", args)
	if len(args) == 3 {
		s, err = load(args[0], args[1], args[2])
	}
	if err != nil {
		return answers.Encode(reply{"error": err.Error()})
	}
	if err := answers.Encode(reply{"ready": kernels.CPU().Name()}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		r, err := s.answer(strings.Fields(lines.Text()))
		if err != nil {
			r = reply{"error": err.Error()}
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) answer(words []string) (reply, error) {
	switch {
	case len(words) == 3 && words[0] == "run":
		lead, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, err
		}
		count, err := strconv.Atoi(words[2])
		if err != nil {
			return nil, err
		}
		return s.time(lead, count)
	case len(words) == 2 && words[0] == "output":
		return s.write(words[1])
	case len(words) == 1 && words[0] == "peak":
		return reply{"gflops": kernels.PeakGFLOPS(20 * time.Millisecond)}, nil
	}
	return nil, fmt.Errorf("%q is no command", words)
}

// time runs the network and tells how long it took.
func (s *subject) time(lead, count int) (reply, error) {
	ms := []float64{}
	for i := range lead + count {
		start := time.Now()
		if _, err := s.run(context.Background()); err != nil {
			return nil, err
		}
		if i >= lead {
			ms = append(ms, time.Since(start).Seconds()*1000)
		}
	}
	return reply{"ms": ms}, nil
}

// write runs the network and writes its output into a file.
func (s *subject) write(path string) (reply, error) {
	out, err := s.run(context.Background())
	if err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := binary.Write(f, binary.LittleEndian, out); err != nil {
		return nil, err
	}
	return reply{"ok": true}, f.Close()
}
