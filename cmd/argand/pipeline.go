package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	beamlog "github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/spf13/cobra"
)

func newPipeline(stdout, stderr io.Writer) *cobra.Command {
	p := &pipeline{stdout: stdout, stderr: stderr}
	cmd := &cobra.Command{
		Use:   "pipeline [Beam's flags]",
		Short: "Find the objects in many pictures, as an Apache Beam job",
		Long: "Pipeline finds the objects in all pictures that match --input, or whose names are in --list, and writes\n" +
			"detections.jsonl, overlay pictures and, if there are any, failures.jsonl into the directory --output. It ends\n" +
			"with a table of objects and a summary. With no arguments it runs an embedded network that knows shapes on\n" +
			"three embedded pictures. Overlays are left out of the pictures that match if what they were made of is there\n" +
			"too, and so are files of the names above.\n\n" +
			"It takes every flag of Beam's Go SDK too, such as --runner and --endpoint; --beam-flags lists them. Without\n" +
			"any it runs on Beam's prism inside this process. --labels is the names' file unless its value is a JSON\n" +
			"object: that is passed to Dataflow as the labels of the job.",
		Args: exactly("pipeline", 0, "arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.beamFlags {
				return writeBeamFlags(stdout)
			}
			return p.run(cmd.Context())
		},
	}
	p.detectorNetwork.addTo(cmd)
	p.jobFlags.addTo(cmd)
	addBeamFlags(cmd.Flags())
	return cmd
}

// pipeline is the command of that name.
type pipeline struct {
	detectorNetwork
	jobFlags
	stdout, stderr io.Writer

	on string // the device, if that is not the CPU, and workers are in this process
}

// A job is what a run of the pipeline works with.
type job struct {
	*jobFlags
	handler  *beamio.Detector
	glob     string // of pictures, unless there is a list
	names    string // a list of them
	root     string // the part of glob before its first wildcard's directory
	progress string // a file that grows by a byte for each picture done
	total    int    // pictures, 0 if unknown
}

func (p *pipeline) run(ctx context.Context) error {
	start := time.Now()
	if err := p.settle(); err != nil {
		return err
	}
	if err := errors.Join(p.jobFlags.check(), p.checkRunner()); err != nil {
		return misused(err)
	}
	embedded := p.input == "" && p.list == ""
	if embedded && !p.demo() {
		return misused(errors.New("--model without --input or --list: the embedded pictures are for the embedded network"))
	}
	scratch, err := os.MkdirTemp("", "argand-*")
	if err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept {
			os.RemoveAll(scratch)
		}
	}()
	j, err := p.prepare(ctx, scratch)
	if err != nil {
		return err
	}
	if embedded {
		fmt.Fprintf(p.stdout, "%d embedded pictures, %s, --score %v --min-size %d --max-size %d\n\n",
			j.total, "an embedded Mask R-CNN of shapes", p.score, p.minSize, p.maxSize)
	}
	closeDevice, err := p.openDevice()
	if err != nil {
		return err
	}
	defer closeDevice()
	p.noteEarlier()
	result, err := p.submit(ctx, j)
	if err != nil {
		p.dropHalves(start)
		return err
	}
	if !awaited() {
		kept = *jobopts.Async // workers will read the embedded network and the names there
		if isDryRun() {
			return nil
		}
		_, err := fmt.Fprintf(p.stdout, "the job is the runner's now; what it writes will be in %s\n", p.results())
		return err
	}
	return p.summarise(ctx, result, time.Since(start))
}

// prepare checks what can be checked before a job is submitted, so that mistakes are told in a line of ours and not in
// pages of a runner's, and puts the embedded files where workers on this machine can read them.
func (p *pipeline) prepare(ctx context.Context, scratch string) (*job, error) {
	j := &job{jobFlags: &p.jobFlags, glob: p.input, names: p.list, progress: filepath.Join(scratch, "progress")}
	if err := p.checkOutput(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(j.progress, nil, 0o644); err != nil {
		return nil, err
	}
	if p.input == "" && p.list == "" {
		dir := filepath.Join(p.output, "pictures")
		if isRemote(p.output) {
			dir = filepath.Join(scratch, "pictures")
		}
		if err := writePictures(dir); err != nil {
			return nil, err
		}
		j.glob = filepath.Join(dir, "*.png")
	}
	model := p.model
	if p.demo() {
		model = filepath.Join(scratch, "shapes.pth")
		if err := os.WriteFile(model, shapes.Model(), 0o644); err != nil {
			return nil, err
		}
	}
	labels, err := p.checkNetwork(ctx, scratch)
	if err != nil {
		return nil, err
	}
	if err := p.checkWatch(ctx); err != nil {
		return nil, err
	}
	j.handler = p.handler(model, labels)
	if err := j.handler.Validate(); err != nil {
		return nil, misused(err)
	}
	if j.names != "" {
		return j, p.checkList(ctx, j, scratch)
	}
	return j, j.checkInput(ctx)
}

// writePictures writes the embedded pictures into a directory.
func writePictures(dir string) error {
	names, err := fs.Glob(shapes.Pictures(), "*.png")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := fs.ReadFile(shapes.Pictures(), name)
		if err != nil {
			return err
		}
		err = writeFile(filepath.Join(dir, name), func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// handler returns the recipe of the network for workers.
func (p *pipeline) handler(model, labels string) *beamio.Detector {
	on := p.device.options()
	d := &beamio.Detector{Model: model, SHA256: p.sha256, Labels: labels, Sidecar: p.sidecarFile(), Preset: p.preset,
		MinSize: p.minSize, MaxSize: p.maxSize, Threads: p.threads,
		Device: on.Name, Precision: on.Precision, Driver: on.Driver, DeviceMemory: on.MemoryBytes,
		Score: max(p.score, math.SmallestNonzeroFloat64)} // a Score of 0 means the default there
	if p.flags.Changed("eps") {
		d.Eps = &p.eps
	}
	return d
}

// submit runs the job and waits for its end, showing how far it is.
func (p *pipeline) submit(ctx context.Context, j *job) (beam.PipelineResult, error) {
	if err := checkStaging(ctx); err != nil {
		return nil, err
	}
	out := &screen{w: p.stderr}
	if err := p.configureBeam(out); err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !p.quiet {
			f := follower{screen: out, isTerminal: isTerminal(p.stderr), total: j.total}
			f.follow(watching, j.progress)
		}
	}()
	if jobopts.IsLoopback() || runsHere() {
		// Beam leaves an empty file in the directory for temporary files.
		defer setTemporary(filepath.Dir(j.progress))()
	}
	watched, ended := watchWorkers(ctx, workerGrace)
	result, err := beamx.RunWithMetrics(watched, j.build())
	err = ended(err)
	stop()
	<-done
	out.clear()
	return result, explain(err)
}

// setTemporary makes dir the directory for temporary files, which programs are told by the environment, and returns
// what undoes that.
func setTemporary(dir string) (undo func()) {
	name := "TMPDIR"
	if runtime.GOOS == "windows" {
		name = "TMP"
	}
	before, given := os.LookupEnv(name)
	_ = os.Setenv(name, dir) // can only fail for names and values that no directory has
	return func() {
		if given {
			_ = os.Setenv(name, before)
		} else {
			_ = os.Unsetenv(name)
		}
	}
}

// configureBeam sets what Beam can be told only through globals: how much it logs, and what a PROCESS worker is.
func (p *pipeline) configureBeam(log io.Writer) error {
	setBeamLog(log, p.verbose)
	if isDryRun() {
		beamlog.SetLogger(dryRun{lastWords{log}, p.stdout})
	}
	if !strings.EqualFold(*jobopts.EnvironmentType, "process") {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if *jobopts.WorkerBinary == "" { // lest Beam looks for our sources to compile them
		if err := flag.Set("worker_binary", self); err != nil {
			return err
		}
	}
	if *jobopts.EnvironmentConfig == "" {
		return flag.Set("environment_config", fmt.Sprintf(`{"command": %q}`, self))
	}
	return nil
}

// awaited reports whether the job was run to its end, as far as Beam's flags tell: some only describe or submit it.
func awaited() bool {
	given := func(name string) string { return flag.Lookup(name).Value.String() }
	return !*jobopts.Async && given("runner") != "dot" && given("dry_run") != "true" && given("template_location") == ""
}

// build makes the Beam job: pictures → detections → rows and overlays; failures → rows.
func (j *job) build() *beam.Pipeline {
	p, s := beam.NewPipelineWithRoot()
	var pictures beam.PCollection
	if j.names != "" {
		pictures = beamio.ListImages(s, j.names)
	} else {
		pictures = beam.Reshuffle(s, beam.ParDo(s.Scope("Match"), matchPictures, beam.Create(s, j.glob)))
	}
	found, failed := beamio.RunInferenceDLQ(s, j.handler, pictures, j.options()...)
	beam.ParDo0(s.Scope("TellFound"), &foundFn{Progress: j.progress}, found)
	beam.ParDo0(s.Scope("TellFailed"), &failedFn{Progress: j.progress}, failed)
	if !j.noOverlays {
		beam.ParDo0(s.Scope("Draw"), &drawFn{Root: j.root, Output: j.output}, found)
	}
	j.write(s, beamio.Rows(s, found), beamio.FailureRows(s, failed))
	return p
}
