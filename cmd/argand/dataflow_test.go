//go:build unix

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// dataflowJob is what we look at of the job that Dataflow would be asked for.
type dataflowJob struct {
	Name, ProjectID, Type string
	Labels                map[string]string
	Environment           struct {
		ServiceOptions    []string
		Experiments       []string
		TempStoragePrefix string
		WorkerPools       []struct {
			MachineType               string
			NumThreadsPerWorker       int
			NumWorkers                int
			AutoscalingSettings       struct{ MaxNumWorkers int }
			Packages                  []struct{ Name, Location string }
			SdkHarnessContainerImages []struct {
				ContainerImage            string
				UseSingleCorePerContainer bool
			}
		}
		SdkPipelineOptions struct {
			BeamGoOptions struct {
				Options map[string]string
			} `json:"beam:option:go_options:v1"`
		}
	}
}

// onDataflow are the flags of a job whose files are all in the bucket.
var onDataflow = []string{"pipeline", "--runner=dataflow", "--dry_run", "--project=p", "--region=europe-west4",
	"--staging_location=gs://argand/staging", "--input=gs://argand/in/*.png", "--model=gs://argand/shapes.pth",
	"--labels=gs://argand/names.json", "--output=gs://argand/out"}

// TestDataflow describes a job for Dataflow without submitting it: what users ask for by flags must be in it.
func TestDataflow(t *testing.T) {
	if _, err := clouds(); err != nil { // sets STORAGE_EMULATOR_HOST, for the program too
		t.Fatal(err)
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stdout, stderr := program(t, append(slices.Clone(onDataflow), "--worker_binary="+path, "--job_name=shapes",
		"--dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver,enable_prime",
		"--sdk_container_image=europe-docker.pkg.dev/p/argand:cuda", "--machine_type=g2-standard-8",
		"--number_of_worker_harness_threads=3", "--max_num_workers=5", "--num_workers=2", "--resource_hints=min_ram=16GB",
		`--labels={"team":"vision"}`, "--element_processing_timeout=10m")...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
	}
	var job dataflowJob
	if err := json.Unmarshal(stdout.Bytes(), &job); err != nil {
		t.Fatalf("%v\nstdout: %s", err, stdout)
	}
	e := job.Environment
	if job.Name != "shapes" || job.ProjectID != "p" || job.Type != "JOB_TYPE_BATCH" || job.Labels["team"] != "vision" {
		t.Errorf("the job is %+v", job)
	}
	options := []string{"worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver", "enable_prime"}
	if !slices.Equal(e.ServiceOptions, options) || !slices.Contains(e.Experiments, "use_runner_v2") ||
		e.TempStoragePrefix != "gs://argand/staging/tmp" {
		t.Errorf("options %q, experiments %q, temporary files in %s", e.ServiceOptions, e.Experiments, e.TempStoragePrefix)
	}
	if len(e.WorkerPools) != 1 {
		t.Fatalf("%d pools of workers", len(e.WorkerPools))
	}
	pool := e.WorkerPools[0]
	if pool.MachineType != "g2-standard-8" || pool.NumThreadsPerWorker != 3 || pool.NumWorkers != 2 ||
		pool.AutoscalingSettings.MaxNumWorkers != 5 {
		t.Errorf("workers %+v", pool)
	}
	if len(pool.Packages) != 1 || pool.Packages[0].Name != "worker" ||
		!strings.HasPrefix(pool.Packages[0].Location, "gs://argand/staging/go-") {
		t.Errorf("packages %+v", pool.Packages)
	}
	if images := pool.SdkHarnessContainerImages; len(images) != 1 || images[0].UseSingleCorePerContainer ||
		images[0].ContainerImage != "europe-docker.pkg.dev/p/argand:cuda" {
		t.Errorf("containers %+v", images)
	}
	if given := e.SdkPipelineOptions.BeamGoOptions.Options; given["element_processing_timeout"] != "10m0s" {
		t.Errorf("workers are told %v", given)
	}
	if got := stderr.String(); got != "" {
		t.Errorf("stderr %q", got)
	}
}

// TestDataflowMistakes wants a line about what Dataflow's workers could not do, before anything is submitted.
func TestDataflowMistakes(t *testing.T) {
	if _, err := clouds(); err != nil {
		t.Fatal(err)
	}
	text := writeTemp(t, t.TempDir(), "text", []byte("no program"))
	self, err := build()
	if err != nil {
		t.Fatal(err)
	}
	worker := "--worker_binary=" + self
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{worker, "--input=pictures/*.png"}, "--input pictures/*.png: Dataflow's workers cannot reach"},
		{[]string{worker, "--labels=names.txt"}, "--labels names.txt: Dataflow's workers cannot reach"},
		{[]string{worker, "--output=out"}, "--output out: Dataflow's workers cannot reach"},
		{[]string{worker, "--staging_location=here"}, "--staging_location: Dataflow wants a gs://"},
		{[]string{worker, "--environment_type=PROCESS"}, "--environment_type process: Dataflow's workers are containers"},
		{[]string{worker, "--sdk_container_image=a", "--worker_harness_container_image=b"}, "give the first"},
		{[]string{worker, "--resource_hints=min_rum=16GB"}, "--resource_hints: unknown resource hint"},
		{[]string{worker, "--machine_type=t2a-standard-4"}, "a program for EM_X86_64; the workers are EM_AARCH64"},
		{[]string{"--worker_binary=" + text}, "--worker_binary " + text + ": no program for Linux"},
	} {
		cmd, stdout, stderr := program(t, append(slices.Clone(onDataflow), c.flags...)...)
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != 2 || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 ||
			!strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: status %d, stdout %q, stderr %q", c.flags, cmd.ProcessState.ExitCode(), stdout, stderr)
		}
	}
}

// TestDataflowSendsItself leaves --worker_binary out: the command is the worker if it needs no libraries, and says how to
// make one that does not otherwise.
func TestDataflowSendsItself(t *testing.T) {
	if _, err := clouds(); err != nil {
		t.Fatal(err)
	}
	self, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dynamic, err := linked(self, elfMachine(""))
	fits := err == nil && !dynamic
	cmd, stdout, stderr := program(t, onDataflow...)
	err = cmd.Run()
	switch {
	case fits && (err != nil || !strings.Contains(stdout.String(), `"worker_binary": "`+self)):
		t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
	case !fits && (cmd.ProcessState.ExitCode() != 2 || !strings.Contains(stderr.String(), "CGO_ENABLED=0 go build")):
		t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
	}
}

// TestDataflowWorker has the head of a program without libraries, for arm64.
func TestDataflowWorker(t *testing.T) {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	copy(head[16:], "\x02\x00\xb7\x00\x01") // a program, for arm64, of version 1
	path := writeTemp(t, t.TempDir(), "worker", head)
	if dynamic, err := linked(path, elfMachine("t2a-standard-1")); dynamic || err != nil {
		t.Errorf("a program without libraries: %v, %v", dynamic, err)
	}
	if _, err := linked(path, elfMachine("n2-standard-2")); err == nil {
		t.Error("a program for another machine is taken")
	}
}
