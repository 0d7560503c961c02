package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCause(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"no job service endpoint specified", "no job service endpoint specified"},
		{"job job-001 failed:\nout of memory", "out of memory"},
		{"job job-001 failed:\nbundle failed: plan:\n1: DataSource[]\n2: ParDo[x]\n\tcaused by:\nwhile\n\tcaused by:\n" +
			"DoFn[UID:9, PID:e7, Name: main.drawFn] failed:\noverlay of a.png: disk full\nand more", "overlay of a.png: disk full\nand more"},
		{"job x failed:\npanic in stage.Execute bundle processing goroutine: send on closed channel, stage: &{ID:stage-005 " +
			"transforms:[e2]},stackTrace:\ngoroutine 48 [running]:\nmain()", "the runner panicked: send on closed channel"},
		{"", ""},
		{"\tcaused by:\n", ""},
	} {
		if got := cause(c.text); got != c.want {
			t.Errorf("cause(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

// TestJobFails lets overlays fail in the job: in a line, with the cause and without the runner's plan.
func TestJobFails(t *testing.T) {
	out := t.TempDir()
	if err := os.Mkdir(filepath.Join(out, "s256.overlay.png"), 0o755); err != nil {
		t.Fatal(err)
	}
	in := pictures(t, "s256.png")[0]
	status, stdout, stderr := command(t, "pipeline", "--input", in, "--output", out)
	if status != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 ||
		!strings.HasPrefix(stderr, "argand: the job failed: overlay of "+in+": ") || strings.Contains(stderr, "DataSource") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

// TestWarnings wants warnings alone, in a line each, with what they say in attributes.
func TestWarnings(t *testing.T) {
	var b strings.Builder
	l := slog.New(&warnings{w: &b})
	l.Info("nothing")
	l.Error("told at the end")
	l.Warn("Warning: two\nlines")
	l.Warn("beamio: a new model was not loaded", "path", "m.pth", "try", 2, "error", errors.New("no \"tensor\"\nhere"), "none", "")
	l.With("a", time.Second).WithGroup("g").With("b", "x\x1b[2J").Warn("grouped", "c", true)
	const want = `argand: warning: two; lines
argand: warning: a new model was not loaded path=m.pth try=2 error="no \"tensor\"; here" none=""
argand: warning: grouped a=1s g.b="x\x1b[2J" g.c=true
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
