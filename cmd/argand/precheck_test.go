package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal/runnerlib"
)

// A mute file system never answers.
type mute struct{}

var errMute = errors.New("mute")

func (mute) List(context.Context, string) ([]string, error)            { return nil, errMute }
func (mute) OpenRead(context.Context, string) (io.ReadCloser, error)   { return nil, errMute }
func (mute) OpenWrite(context.Context, string) (io.WriteCloser, error) { return nil, errMute }
func (mute) Close() error                                              { return nil }
func (mute) Size(ctx context.Context, _ string) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestAnswers: nobody waits for ever for a store that does not answer, and an interrupt is told as one.
func TestAnswers(t *testing.T) {
	filesystem.Register("mute", func(context.Context) filesystem.Interface { return mute{} })
	err := answers(t.Context(), "mute://a/b", time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "mute://a/b: no answer in 1ms: ") {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, path := range []string{"mute://a/b", "nowhere://a/b", "local"} {
		if err := answers(ended, path, time.Hour); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestSubmission refuses what would run a job that is only to be described, and jobs whose workers would not live on.
func TestSubmission(t *testing.T) {
	set := func(name, value string) {
		t.Helper()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { set("runner", ""); set("environment_type", "") })
	for _, c := range []struct{ name, value, runner, environment, want string }{
		{"dry_run", "true", "", "", "--dry_run: only Dataflow"},
		{"dry_run", "true", "dataflow", "", ""},
		{"template_location", "gs://a/b", "flink", "", "--template_location: only Dataflow"},
		{"template_location", "gs://a/b", "dataflow", "", ""},
		{"async", "true", "", "", "--async: "},
		{"async", "true", "prism", "PROCESS", "--async: "},
		{"async", "true", "flink", "LOOPBACK", "--async: "},
		{"async", "true", "flink", "PROCESS", ""},
		{"async", "true", "dot", "LOOPBACK", ""},
		{"async", "true", "dataflow", "", ""},
	} {
		before := flag.Lookup(c.name).Value.String()
		set(c.name, c.value)
		set("runner", c.runner)
		set("environment_type", c.environment)
		*jobopts.Endpoint = "" // prism sets it for the process
		err := checkSubmission()
		set(c.name, before)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestWorkersPlace asks where workers are if they could only be compiled from sources that users do not have.
func TestWorkersPlace(t *testing.T) {
	set := func(runner, endpoint, environment string) {
		for name, value := range map[string]string{
			"runner": runner, "endpoint": endpoint, "environment_type": environment,
		} {
			if err := flag.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { set("", "", "") })
	_, ours := runnerlib.IsWorkerCompatibleBinary()
	for environment, refused := range map[string]bool{"": !ours, "LOOPBACK": false, "PROCESS": false} {
		set("flink", "localhost:1", environment)
		err := new(pipeline).checkRunner()
		if said := err != nil && strings.HasPrefix(err.Error(), "--runner flink: say where its workers are: "); said != refused {
			t.Errorf("--environment_type=%q: %v", environment, err)
		}
	}
}

// TestWritable tells before a job is run that its results could not be written, and leaves nothing behind.
func TestWritable(t *testing.T) {
	file := writeTemp(t, t.TempDir(), "file", nil)
	for _, path := range []string{file, filepath.Join(file, "a", "b")} {
		status, stdout, stderr := command(t, "pipeline", "--output", path)
		want := "argand: --output " + path + ": " + file + " is a file; want a directory\n"
		if status != 1 || stdout != "" || stderr != want {
			t.Errorf("status %d, stdout %q, stderr %q, want %q", status, stdout, stderr, want)
		}
	}
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "a", "b")} {
		if err := writable(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got := listing(t, dir); got != "" {
		t.Errorf("left %s", got)
	}
}
