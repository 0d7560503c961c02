package main

import (
	"strings"
	"testing"
)

func TestCause(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"no job service endpoint specified", "no job service endpoint specified"},
		{"job job-001 failed:\nout of memory", "out of memory"},
		{"job job-001 failed:\nbundle failed: plan:\n1: DataSource[]\n2: ParDo[x]\n\tcaused by:\nwhile\n\tcaused by:\n" +
			"DoFn[UID:9, PID:e7, Name: main.drawFn] failed:\noverlay of a.png: disk full\nand more", "overlay of a.png: disk full\nand more"},
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
	blocked := writeTemp(t, t.TempDir(), "file", nil)
	in := pictures(t, "s256.png")[0]
	status, stdout, stderr := command(t, "pipeline", "--input", in, "--output", blocked+"/out")
	if status != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 ||
		!strings.HasPrefix(stderr, "argand: the job failed: overlay of "+in+": ") || strings.Contains(stderr, "DataSource") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}
