package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal/runnerlib"
)

// localRunners, remoteRunners and dataflowRunners are the names by which beamx registers runners. Beam ends the process
// when it is asked for another. The remote ones are those that --endpoint leads to.
var (
	localRunners    = []string{"direct", "dot", "prism", "DirectRunner", "PrismRunner", "vet"}
	remoteRunners   = []string{"flink", "portable", "spark", "universal", "FlinkRunner", "PortableRunner", "SparkRunner"}
	dataflowRunners = []string{"dataflow", "DataflowRunner"}
)

// checkRunner returns an error if the job cannot be run because of Beam's flags, and gives flags the meaning that they
// have where the workers are.
func (p *pipeline) checkRunner() error {
	if err := checkHints(); err != nil {
		return err
	}
	if err := checkSubmission(); err != nil {
		return err
	}
	switch name := *runners.Runner; {
	case name == "" || slices.Contains(localRunners, name):
		return nil
	case slices.Contains(dataflowRunners, name):
		return p.checkDataflow()
	case slices.Contains(remoteRunners, name):
		if _, err := jobopts.GetEndpoint(); err != nil {
			return err
		}
		if jobopts.IsLoopback() { // the workers are this process
			return nil
		}
		if _, ours := runnerlib.IsWorkerCompatibleBinary(); !ours && *jobopts.EnvironmentType == "" &&
			*jobopts.WorkerBinary == "" { // Beam would look for our sources to compile a worker
			return fmt.Errorf("--runner %s: say where its workers are: --environment_type=LOOPBACK is in this process, "+
				"PROCESS this program on the runner's machine, and DOCKER a container with --worker_binary, "+
				"built for it with CGO_ENABLED=0", *runners.Runner)
		}
		return p.makeAbsolute()
	default:
		return fmt.Errorf("--runner %q: want dataflow, direct, dot, flink, portable, prism, spark or universal", name)
	}
}

// checkSubmission returns an error for flags of jobs that are only described or submitted, if the runner does not know
// them and would run the job, or if the job's workers end with this process.
func checkSubmission() error {
	given := func(name string) string { return flag.Lookup(name).Value.String() }
	switch toDataflow := slices.Contains(dataflowRunners, *runners.Runner); {
	case given("dry_run") == "true" && !toDataflow:
		return errors.New("--dry_run: only Dataflow has it; --runner=dot --dot_file=FILE draws any job")
	case given("template_location") != "" && !toDataflow:
		return errors.New("--template_location: only Dataflow has it")
	case *jobopts.Async && !toDataflow && *runners.Runner != "dot" &&
		(jobopts.IsLoopback() || runsHere() && *jobopts.Endpoint == ""):
		return errors.New("--async: the job's workers are in this process and would end with it")
	}
	return nil
}

// checkHints returns an error for hints that Beam panics at.
func checkHints() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("--resource_hints: %v", r)
		}
	}()
	jobopts.GetPipelineResourceHints()
	return nil
}

// makeAbsolute makes paths absolute: a runner in a process of its own starts workers in a directory of its own.
func (p *pipeline) makeAbsolute() error {
	for _, path := range p.paths() {
		if *path == "" || *path == "-" || isRemote(*path) {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}

// paths are what flags say of files that workers read and write, by flag.
func (p *pipeline) paths() map[string]*string {
	return map[string]*string{"input": &p.input, "list": &p.list, "output": &p.output, "model": &p.model,
		"labels": &p.labels, "watch": &p.watch}
}
