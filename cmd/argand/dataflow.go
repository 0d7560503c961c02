package main

import (
	"context"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners"
)

// dataflowThreads is how many bundles a worker gets at once for lack of --number_of_worker_harness_threads. They share
// one model and all cores, so that more would only hold more pictures. Dataflow's own default is many.
const dataflowThreads = "4"

// checkDataflow returns an error for what Dataflow, or Beam on the way to it, fails at late or panics at, and sets what
// is missing: the worker's binary and its threads.
func (p *pipeline) checkDataflow() error {
	given := func(name string) string { return flag.Lookup(name).Value.String() }
	switch kind := strings.ToLower(*jobopts.EnvironmentType); {
	case kind != "" && kind != "docker":
		return fmt.Errorf("--environment_type %s: Dataflow's workers are containers", kind)
	case given("sdk_container_image") != "" && given("worker_harness_container_image") != "":
		return errors.New("--sdk_container_image and --worker_harness_container_image: give the first")
	case !strings.HasPrefix(given("staging_location"), "gs://"):
		return errors.New("--staging_location: Dataflow wants a gs://BUCKET/PATH")
	case p.input == "" && p.list == "":
		return errors.New("--input or --list: Dataflow's workers cannot read the embedded pictures")
	case p.demo():
		return errors.New("--model: Dataflow's workers cannot read the embedded network")
	}
	paths := p.paths()
	if p.table != "" && p.noOverlays { // no file is written
		delete(paths, "output")
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if path := *paths[name]; path != "" && !isRemote(path) {
			return fmt.Errorf("--%s %s: Dataflow's workers cannot reach files of this machine", name, path)
		}
	}
	if given("number_of_worker_harness_threads") == "0" {
		if err := flag.Set("number_of_worker_harness_threads", dataflowThreads); err != nil {
			return err
		}
	}
	return setWorkerBinary(given("machine_type") + given("worker_machine_type"))
}

// checkStaging returns an error if nobody answers for the place where Dataflow gets the job from: Beam would try for
// ever.
func checkStaging(ctx context.Context) error {
	if !slices.Contains(dataflowRunners, *runners.Runner) {
		return nil
	}
	if err := answers(ctx, flag.Lookup("staging_location").Value.String(), reachTime); err != nil {
		return fmt.Errorf("--staging_location: %w", err)
	}
	return nil
}

// setWorkerBinary checks what workers are to run, or sets it to this program, if that runs there. Beam would compile
// one from sources that need not be here, without cgo.
func setWorkerBinary(machineType string) error {
	machine := elfMachine(machineType)
	if path := *jobopts.WorkerBinary; path != "" {
		if _, err := linked(path, machine); err != nil {
			return fmt.Errorf("--worker_binary %s: %w", path, err)
		}
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dynamic, err := linked(self, machine)
	if err != nil || dynamic {
		return errors.New("--worker_binary: this program does not run in Dataflow's containers; one that does is made by " +
			"GOOS=linux GOARCH=amd64 CGO_ENABLED=0 go build")
	}
	return flag.Set("worker_binary", self)
}

// elfMachine is the architecture of a type of machine, as Beam has it.
func elfMachine(machineType string) elf.Machine {
	if strings.HasPrefix(machineType, "t2a") {
		return elf.EM_AARCH64
	}
	return elf.EM_X86_64
}

// linked reports whether an executable for Linux needs libraries of the system, or an error if it is none for machine.
func linked(path string, machine elf.Machine) (dynamic bool, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return false, fmt.Errorf("no program for Linux: %w", err)
	}
	defer f.Close()
	if f.Machine != machine {
		return false, fmt.Errorf("a program for %v; the workers are %v", f.Machine, machine)
	}
	for _, p := range f.Progs {
		dynamic = dynamic || p.Type == elf.PT_INTERP
	}
	return dynamic, nil
}

// isDryRun reports whether Dataflow is only to be told about.
func isDryRun() bool {
	return slices.Contains(dataflowRunners, *runners.Runner) && flag.Lookup("dry_run").Value.String() == "true"
}

// A dryRun is Beam's logger that prints the job of a --dry_run, which Beam only logs.
type dryRun struct {
	lastWords
	out io.Writer
}

// Log implements log.Logger.
func (d dryRun) Log(ctx context.Context, sev log.Severity, depth int, msg string) {
	if sev == log.SevInfo && strings.HasPrefix(msg, "{") { // the job's JSON is the only such
		fmt.Fprintln(d.out, msg)
		return
	}
	d.lastWords.Log(ctx, sev, depth+1, msg)
}
