// Cuda is the worker that stands for this project where cuda/check.sh compares it with torch on a GPU. It makes weights
// and inputs by the formulas that networks.py has too, so that no checkpoint travels:
//
//	cuda serve    NETWORK PRECISION BATCH HEIGHT WIDTH            runs a network when it is told to
//	cuda layers   NETWORK PRECISION HEIGHT WIDTH DIRECTORY        writes what every layer computes
//	cuda profile  NETWORK PRECISION BATCH HEIGHT WIDTH RUNS       prints where the time goes
//	cuda devices                                                  prints what there is, and what was tried to find it
//
// NETWORK is maskrcnn or one of testdata/keys's ResNets, PRECISION float32, tf32, bfloat16 or float16. Serve says
// {"ready": NAME} or {"error": TEXT}, and answers each line of its input with one of JSON:
//
//	run LEAD COUNT      runs LEAD times, then COUNT times by the clock, copies from and to the host too: {"ms": [1.2, …]}
//	events LEAD COUNT   the same by the device's events, without copies: {"ms": [1.1, …]}
//	output FILE         runs once and writes the logits or scores as float32, little-endian: {"ok": true}
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/nn/op"
)

func main() {
	if err := command(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cuda:", err)
		os.Exit(1)
	}
}

// A worker has a device, and where the formulas' files are.
type worker struct {
	gpu      op.Backend
	testdata string
}

// command does what the arguments say.
func command(args []string, in io.Reader, out io.Writer) error {
	var o cuda.Options
	var w worker
	flags := flag.NewFlagSet("cuda", flag.ContinueOnError)
	flags.StringVar(&o.Driver, "driver", "", "`PATH` of libcuda.so.1 (default: where the system has it)")
	flags.IntVar(&o.Device, "device", 0, "`NUMBER` of the device")
	flags.BoolVar(&o.PerBatch, "per-batch", false, "choose engines for the batch, and not for one picture of it")
	own := flags.Bool("own", false, "use our own kernels only")
	flags.StringVar(&w.testdata, "testdata", "testdata", "`DIRECTORY` of the repository's testdata")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *own {
		o.Engines = cuda.OwnEngines
	}
	args = flags.Args()
	if len(args) == 1 && args[0] == "devices" {
		_, err := fmt.Fprint(out, cuda.Probe(o))
		return err
	}
	numbers := map[string]int{"serve": 3, "layers": 2, "profile": 4} // of each command, after network and precision
	if len(args) < 3 || len(args) < 3+numbers[args[0]] {
		return errors.New("want devices, or serve, layers or profile with a network, a precision and a size")
	}
	var precision op.Precision
	if err := precision.UnmarshalText([]byte(args[2])); err != nil {
		return err
	}
	n := make([]int, numbers[args[0]])
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[3+i]); err != nil {
			return err
		}
	}
	gpu, err := cuda.Open(o)
	if err != nil {
		return err
	}
	w.gpu = gpu
	ctx := context.Background()
	switch rest := args[3+len(n):]; args[0] {
	case "serve":
		err = w.serve(ctx, setting{args[1], precision, n[0], n[1], n[2]}, in, out)
	case "layers":
		if len(rest) != 1 {
			err = errors.New("layers: want a directory")
			break
		}
		err = w.layers(ctx, setting{args[1], precision, 1, n[0], n[1]}, rest[0])
	case "profile":
		err = w.profile(ctx, setting{args[1], precision, n[0], n[1], n[2]}, n[3], out)
	default:
		err = fmt.Errorf("%s is no command", args[0])
	}
	return errors.Join(err, gpu.Close())
}
