//go:build unix

package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/jobserver"
)

var flinkJars = flag.String("flink", "", "directory of the jars of Beam's runner for Flink, to run tests on Flink too")

// TestFlink runs the command on Flink, with workers in its own process and in others that Flink starts, and compares
// what it writes with what it writes on prism. Then it kills a worker.
func TestFlink(t *testing.T) {
	if *flinkJars == "" {
		t.Skip("NOT RUN ON FLINK. It would be by:\n" +
			"  mvn -B -q -f beamio/testdata/flink/pom.xml dependency:copy-dependencies" +
			" -DoutputDirectory=/tmp/flink -DincludeScope=runtime\n" +
			"  go test ./beamio ./cmd/argand -run Flink -flink /tmp/flink")
	}
	jars, err := filepath.Abs(*flinkJars)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir()) // every job of LOOPBACK leaves an empty file there
	server, err := jobserver.Start(jars, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	out := filepath.Join(t.TempDir(), "out") // the same for all: it is in the names of the embedded pictures
	demo := func(t *testing.T, flags ...string) map[string]string {
		t.Helper()
		cmd, stdout, stderr := program(t, append([]string{"pipeline", "--output", out}, flags...)...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\nstdout: %s\nstderr: %s\nthe server's log:\n%s", err, stdout, stderr, server.Tail(20))
		}
		found := contents(t, out)
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
		return found
	}
	want := demo(t)
	if len(want) != 7 || strings.Count(want["detections.jsonl"], "\n") != 3 {
		t.Fatalf("prism has written %d files", len(want))
	}
	onFlink := []string{"--runner=universal", "--endpoint=" + server.Endpoint}
	for _, environment := range []string{"LOOPBACK", "PROCESS"} {
		t.Run(environment, func(t *testing.T) {
			got := demo(t, append(onFlink, "--environment_type="+environment)...)
			for name, text := range want {
				if got[name] != text {
					t.Errorf("%s is not what it is on prism: %d bytes, want %d", name, len(got[name]), len(text))
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d files, want %d", len(got), len(want))
			}
		})
	}
	t.Run("relative paths", func(t *testing.T) { // Flink's workers are in another directory
		cmd, stdout, stderr := program(t, append([]string{"pipeline", "--environment_type=PROCESS", "--parallelism=2"},
			onFlink...)...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
		}
		got := contents(t, filepath.Join(cmd.Dir, "argand-out"))
		if len(got) != len(want) || strings.Count(got["detections.jsonl"], "\n") != 3 {
			t.Errorf("%d files, detections %s", len(got), got["detections.jsonl"])
		}
	})
	t.Run("kill a worker", func(t *testing.T) {
		if line := killWorker(t, onFlink...); !strings.Contains(line, "a worker's process ended") {
			t.Errorf("got %q", line)
		}
	})
}

// contents reads all files of a directory, by their paths in it.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
