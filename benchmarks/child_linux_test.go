package benchmarks

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// child makes the test binary a program that loads a network, runs it once and
// tells on stdout what that took: some things a process can measure only once.
var child = flag.String("child", "", "checkpoint to run, for a child process of the benchmarks")

func TestMain(m *testing.M) {
	flag.Parse()
	if *child == "" {
		os.Exit(m.Run())
	}
	if err := beChild(context.Background(), *child); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A life is what a child measured.
type life struct {
	Objects         int      // found
	Weights         int64    // bytes, packed
	AfterLoad       resident // its peak is of starting and loading
	AfterCollection resident // when Go's collector has been, the checkpoint is gone
	AfterRun        resident // its peak is of the run
}

// beChild loads the network of the checkpoint at path and runs it on its picture.
func beChild(ctx context.Context, path string) error {
	var l life
	n, err := load(ctx, path)
	if err != nil {
		return err
	}
	l.Weights = n.bytes
	if path != embedded {
		if l.AfterLoad, err = residentNow(); err != nil {
			return err
		}
		for range 3 { // cleanups of mappings run after a collection
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
		if err := forgetPeak(); err != nil {
			return err
		}
		if l.AfterCollection, err = residentNow(); err != nil {
			return err
		}
	}
	if l.Objects, err = n.run(ctx); err != nil {
		return err
	}
	if l.AfterRun, err = residentNow(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(l)
}

// runChild runs a child and returns what it measured.
func runChild(b *testing.B, path string) life {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-child="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	var l life
	if err := json.Unmarshal(out, &l); err != nil {
		b.Fatal(err)
	}
	if l.Objects == 0 {
		b.Fatal("no objects")
	}
	return l
}
