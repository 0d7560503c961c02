package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
)

// setBeamLog sends what Beam, its prism and beamio log to w: all of it if verbose, otherwise warnings, in a line each.
// Errors are left out then: every stage repeats the one that stopped the job, with its whole plan, and it is what the
// job ends with.
func setBeamLog(w io.Writer, verbose bool) {
	if verbose {
		slog.SetDefault(slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo})))
		return
	}
	slog.SetDefault(slog.New(&warnings{w: w}))
	log.SetLogger(lastWords{w})
}

// warnings is a slog.Handler for nothing but warnings.
type warnings struct {
	w      io.Writer
	attrs  string // of all records, as key=value
	prefix string // of keys: the open groups
}

func (h *warnings) Enabled(_ context.Context, level slog.Level) bool {
	return slog.LevelWarn <= level && level < slog.LevelError
}

func (h *warnings) Handle(_ context.Context, r slog.Record) error {
	text := strings.TrimPrefix(strings.TrimPrefix(oneLine(r.Message), "Warning: "), "beamio: ") + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += pair(h.prefix, a)
		return true
	})
	_, err := fmt.Fprintln(h.w, "argand: warning: "+text)
	return err
}

func (h *warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += pair(h.prefix, a)
	}
	return &with
}

func (h *warnings) WithGroup(name string) slog.Handler {
	with := *h
	with.prefix += name + "."
	return &with
}

// pair returns " key=value", the value quoted if it holds more than a word.
func pair(prefix string, a slog.Attr) string {
	value := a.Value.Resolve().String()
	if value == "" || strings.ContainsAny(value, " =\"") || printable(value) != value {
		value = strconv.Quote(oneLine(value))
	}
	return " " + prefix + a.Key + "=" + value
}

// lastWords is Beam's logger that also tells what Beam says before it ends the process.
type lastWords struct{ w io.Writer }

func (l lastWords) Log(ctx context.Context, sev log.Severity, depth int, msg string) {
	if sev == log.SevFatal {
		fmt.Fprintln(l.w, "argand: "+oneLine(msg))
		return
	}
	(&log.Structural{}).Log(ctx, sev, depth+1, msg)
}

// A jobError is the end of a failed job. Its text is the cause alone, for people; Err has the runner's whole account.
type jobError struct{ Err error }

func (e *jobError) Error() string { return "the job failed: " + cause(e.Err.Error()) }
func (e *jobError) Unwrap() error { return e.Err }

// cause returns what stands last in one of Beam's chains of errors, which are plans with "caused by:" between.
func cause(text string) string {
	if m := runnerPanic.FindStringSubmatch(text); m != nil { // its stages and stack follow
		return "the runner panicked: " + m[1]
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i, line := range slices.Backward(lines) {
		if strings.TrimSpace(line) == "caused by:" {
			lines = lines[i+1:]
			break
		}
	}
	if len(lines) > 1 && frame.MatchString(lines[0]) {
		lines = lines[1:]
	}
	return strings.Join(lines, "\n")
}

// frame is how Beam says which step failed, before it says why.
var frame = regexp.MustCompile(`^(DoFn\[.*\] failed|job \S+ failed):$`)

// runnerPanic is how prism says that it has gone wrong itself.
var runnerPanic = regexp.MustCompile(`panic in stage\.Execute bundle processing goroutine: (.*), stage: &\{`)

// explain makes a jobError of an error of the runner.
func explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrNotExist) {
		return err
	}
	return &jobError{err}
}
