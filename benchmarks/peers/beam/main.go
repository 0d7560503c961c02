// Beam is the pipeline that stands for this project in the comparison with Beam's Python SDK: it says what is in the
// pictures that match a pattern, a line of JSON each, on Beam's prism. It is started by beam_compare.py as
//
//	beam classify|detect --pictures GLOB --model FILE --output FILE --events FILE
//
// and writes into the file of events when the model was loaded and when the job was done: a word and seconds since
// 1970. Beam_jobs.py is the same for Python.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beamio.Register(&beamio.Classifier{})
	beamio.Register(&beamio.Detector{})
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "beam:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("want classify or detect")
	}
	glob := flag.String("pictures", "", "pattern of the pictures")
	model := flag.String("model", "", "checkpoint")
	output := flag.String("output", "", "file of the results")
	path := flag.String("events", "", "file to append to when something happens")
	if err := flag.CommandLine.Parse(args[1:]); err != nil {
		return err
	}
	beam.Init()
	file, err := os.OpenFile(*path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	e := events{file}
	slog.SetDefault(slog.New(e))

	p, s := beam.NewPipelineWithRoot()
	pictures := beamio.MatchImages(s, *glob)
	var results beam.PCollection
	switch args[0] {
	case "classify":
		results = beamio.RunInference(s, &beamio.Classifier{Model: *model}, pictures)
	case "detect":
		results = beamio.RunInference(s, &beamio.Detector{Model: *model}, pictures)
	default:
		return fmt.Errorf("%q is neither classify nor detect", args[0])
	}
	beamio.WriteJSONL(s, *output, results)
	if err := beamx.Run(context.Background(), p); err != nil {
		return err
	}
	return e.note("done", time.Now())
}

// events is a slog.Handler that notes when a model was loaded, and shows warnings.
type events struct{ file *os.File }

func (e events) note(word string, t time.Time) error {
	_, err := fmt.Fprintf(e.file, "%s %.6f\n", word, float64(t.UnixMicro())/1e6)
	return err
}

// Enabled implements slog.Handler.
func (e events) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (e events) Handle(_ context.Context, r slog.Record) error {
	switch {
	case r.Message == "beamio: loaded a model":
		return e.note("loaded", r.Time)
	case r.Level >= slog.LevelWarn:
		fmt.Fprintln(os.Stderr, "beam:", r.Message)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (e events) WithAttrs([]slog.Attr) slog.Handler { return e }

// WithGroup implements slog.Handler.
func (e events) WithGroup(string) slog.Handler { return e }
