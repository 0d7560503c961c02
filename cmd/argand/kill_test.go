//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bootProgram writes a boot program that notes the number of its process in a file and then becomes the command's
// worker. Its environment is the runner's, so that all it needs to know is in its text.
func bootProgram(t *testing.T) (boot, pids string) {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pids = filepath.Join(dir, "pids")
	text := fmt.Sprintf("#!/bin/sh\necho $$ >>'%s'\nexec '%s' \"$@\"\n", pids, path)
	boot = writeTemp(t, dir, "boot", []byte(text))
	if err := os.Chmod(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	return boot, pids
}

// killWorker kills the workers of a job that would take long, as soon as it has written something. The job must fail at
// once, with one line that says why, and leave nothing but whole overlays. It returns the line.
func killWorker(t *testing.T, args ...string) string {
	t.Helper()
	data, err := os.ReadFile(pictures(t, "s640.png")[0])
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	in := t.TempDir()
	for i := range n {
		writeTemp(t, in, fmt.Sprintf("%03d.png", i), data)
	}
	boot, pids := bootProgram(t)
	out := filepath.Join(t.TempDir(), "out")
	cmd, stdout, stderr := program(t, append([]string{"pipeline", "--input", filepath.Join(in, "*.png"), "--output", out,
		"--environment_type=PROCESS", `--environment_config={"command":"` + boot + `"}`}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if some, _ := filepath.Glob(filepath.Join(out, "*.overlay.png")); len(some) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no overlay after two minutes; stderr %s", stderr)
		}
	}
	started, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(started)) {
		pid, err := strconv.Atoi(field)
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	killed := time.Now()
	err = cmd.Wait()
	if took := time.Since(killed); took > 30*time.Second {
		t.Errorf("took %v to end", took)
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	last := lines[len(lines)-1]
	if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(last, "argand: the job failed: ") {
		t.Errorf("ended with %v, stdout %q, stderr %q", err, stdout, stderr)
	}
	done := 0
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
		case strings.HasSuffix(path, ".overlay.png"):
			decodePNG(t, path)
			done++
		default:
			t.Errorf("left behind %s", path)
		}
		return err
	})
	if err != nil || done == 0 || done == n {
		t.Errorf("%d overlays, %v", done, err)
	}
	return last
}

// TestKillWorker kills the worker of prism, which fails the job, or now and then waits for ever: then
// the command fails it.
func TestKillWorker(t *testing.T) {
	line := killWorker(t)
	if !strings.Contains(line, "SDK worker disconnected") && !strings.Contains(line, "a worker's process ended: ") {
		t.Errorf("got %q", line)
	}
}

// TestWorkerDoesNotStart has boot programs that are not there, or end: prism itself would wait for ever.
func TestWorkerDoesNotStart(t *testing.T) {
	ends := writeTemp(t, t.TempDir(), "boot", []byte("#!/bin/sh\nexit 7\n"))
	if err := os.Chmod(ends, 0o755); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for boot, want := range map[string]string{"/no/boot": "no such file", ends: "exit status 7"} {
		cmd, stdout, stderr := program(t, "pipeline", "--quiet", "--environment_type=PROCESS",
			`--environment_config={"command":"`+boot+`"}`)
		wg.Go(func() {
			start := time.Now()
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != 1 || strings.Count(stderr.String(), "\n") != 1 ||
				!strings.Contains(stderr.String(), "a worker's process ended: ") || !strings.Contains(stderr.String(), want) {
				t.Errorf("%s: ended with %v, stdout %q, stderr %q", boot, err, stdout, stderr)
			}
			if took := time.Since(start); took > workerGrace+20*time.Second {
				t.Errorf("%s: took %v", boot, took)
			}
		})
	}
	wg.Wait()
}

// TestDropHalvesBelow has half an overlay of a picture that lies deeper.
func TestDropHalvesBelow(t *testing.T) {
	p := &pipeline{jobFlags: jobFlags{output: t.TempDir()}}
	deep := filepath.Join(p.output, "deep")
	if err := os.Mkdir(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.overlay.png.tmp-A", "a.png.tmp-A", "b.overlay.png"} {
		writeTemp(t, deep, name, nil)
	}
	p.dropHalves(time.Now())
	if got := listing(t, deep); got != "a.png.tmp-A b.overlay.png" {
		t.Errorf("left %s", got)
	}
}
