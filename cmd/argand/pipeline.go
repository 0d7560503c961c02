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
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
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
		Long: "Pipeline finds the objects in all pictures that match --input and writes detections.jsonl, overlay\n" +
			"pictures and, if there are any, failures.jsonl into the directory --output. With no arguments it runs an\n" +
			"embedded network that knows shapes on three embedded pictures. Overlays are left out of the pictures if what\n" +
			"they were made of is there too, and so are files of the names above.\n\n" +
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
	p.network.addTo(cmd)
	f := cmd.Flags()
	f.StringVar(&p.input, "input", "", "`GLOB` of pictures, in any of Beam's file systems (default: embedded pictures)")
	f.StringVar(&p.output, "output", "argand-out", "`DIR` for all that is written, in any of Beam's file systems")
	f.BoolVar(&p.verbose, "verbose", false, "show what the runner logs, and not only its warnings")
	f.BoolVar(&p.beamFlags, "beam-flags", false, "list Beam's flags and exit")
	addBeamFlags(f)
	return cmd
}

// pipeline is the command of that name.
type pipeline struct {
	network
	input, output      string
	verbose, beamFlags bool
	stdout, stderr     io.Writer
}

// A job is what a run of the pipeline works with.
type job struct {
	handler  *beamio.Detector
	glob     string
	root     string // the part of glob before its first wildcard's directory
	output   string
	progress string // a file that grows by a byte for each picture done
	total    int    // pictures, 0 if unknown
}

func (p *pipeline) run(ctx context.Context) error {
	start := time.Now()
	if err := p.settle(); err != nil {
		return err
	}
	if err := checkRunner(); err != nil {
		return misused(err)
	}
	if p.input == "" && !p.demo() {
		return misused(errors.New("--model without --input: the embedded pictures are for the embedded network"))
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
	if p.input == "" {
		fmt.Fprintf(p.stdout, "%d embedded pictures, %s, --score %v --min-size %d --max-size %d\n\n",
			j.total, "an embedded Mask R-CNN of shapes", p.score, p.minSize, p.maxSize)
	}
	if err := p.submit(ctx, j); err != nil {
		p.dropHalves(start)
		return err
	}
	if !awaited() {
		kept = *jobopts.Async // workers will read the embedded network and the names there
		_, err := fmt.Fprintf(p.stdout, "the job is the runner's now; what it writes will be in %s\n", p.output)
		return err
	}
	return p.summarise(ctx, time.Since(start))
}

// prepare checks what can be checked before a job is submitted, so that mistakes are told in a line of ours and not in
// pages of a runner's, and puts the embedded files where workers on this machine can read them.
func (p *pipeline) prepare(ctx context.Context, scratch string) (*job, error) {
	j := &job{glob: p.input, output: p.output, progress: filepath.Join(scratch, "progress")}
	if err := os.WriteFile(j.progress, nil, 0o644); err != nil {
		return nil, err
	}
	if p.input == "" {
		dir := filepath.Join(p.output, "pictures")
		if isRemote(p.output) {
			dir = filepath.Join(scratch, "pictures")
		}
		if err := writePictures(dir); err != nil {
			return nil, err
		}
		j.glob = filepath.Join(dir, "*.png")
	}
	j.root = globRoot(j.glob)
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
	j.handler = p.handler(model, labels)
	if isRemote(j.glob) {
		return j, nil
	}
	if info, err := os.Stat(j.glob); err == nil && info.IsDir() {
		return nil, fmt.Errorf("--input %s: a directory; the files in it are %s", j.glob, joinPath(j.glob, "*"))
	}
	files, err := matchFiles(ctx, j.glob)
	if err != nil {
		return nil, err
	}
	j.total = len(files)
	return j, nil
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
	d := &beamio.Detector{Model: model, SHA256: p.sha256, Labels: labels, Preset: p.preset,
		MinSize: p.minSize, MaxSize: p.maxSize, Threads: p.threads,
		Score: max(p.score, math.SmallestNonzeroFloat64)} // a Score of 0 means the default there
	if p.givesEps() {
		d.Eps = &p.eps
	}
	return d
}

// submit runs the job and waits for its end, with a bar on a terminal.
func (p *pipeline) submit(ctx context.Context, j *job) error {
	if err := p.configureBeam(); err != nil {
		return err
	}
	bar := newProgress(p.stderr, j.total)
	if j.total == 0 {
		bar = nil
	}
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchFile(watching, j.progress, bar)
	}()
	_, err := beamx.RunWithMetrics(ctx, j.build())
	stop()
	<-done
	bar.clear()
	return explain(err)
}

// configureBeam sets what Beam can be told only through globals: how much it logs, and what a PROCESS worker is.
func (p *pipeline) configureBeam() error {
	setBeamLog(p.stderr, p.verbose)
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
	pictures := beam.Reshuffle(s, beam.ParDo(s.Scope("Match"), matchPictures, beam.Create(s, j.glob)))
	found, failed := beamio.RunInferenceDLQ(s, j.handler, pictures)
	beam.ParDo0(s.Scope("Draw"), &drawFn{Root: j.root, Output: j.output, Progress: j.progress}, found)
	beam.ParDo0(s.Scope("CountFailures"), &countFn{Progress: j.progress}, failed)
	beamio.WriteJSONL(s.Scope("Detections"), joinPath(j.output, detectionsFile), beamio.Rows(s, found))
	beamio.WriteJSONL(s.Scope("Failures"), joinPath(j.output, failuresFile), beamio.FailureRows(s, failed))
	return p
}

// The files that the job writes, besides overlays.
const (
	detectionsFile = "detections.jsonl"
	failuresFile   = "failures.jsonl"
)
