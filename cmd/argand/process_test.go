//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build builds the command once for all tests.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(sharedDir, "argand")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// program returns the command as a program that has yet to be started, in a directory of its own.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = t.TempDir()
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = 10 * time.Second
	return cmd, stdout, stderr
}

// TestProcessWorkers runs the demonstration with workers in processes of their own, which the runner starts as it does
// for --environment_type=PROCESS, with no environment_config: the worker is the command itself.
func TestProcessWorkers(t *testing.T) {
	cmd, stdout, stderr := program(t, "pipeline", "--environment_type=PROCESS", "--verbose")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
	}
	t.Chdir(cmd.Dir)
	checkDemo(t, "argand-out", stdout.String())
	if strings.Contains(stderr.String(), "Loopback") {
		t.Errorf("the job ran in this process: %s", stderr)
	}
}

// TestBootedWorker has a boot program between runner and worker, as containers have: it starts the binary with
// --worker=true and no command.
func TestBootedWorker(t *testing.T) {
	cmd, stdout, stderr := program(t)
	boot := writeTemp(t, t.TempDir(), "boot", []byte(`#!/bin/sh
for flag; do
	case "$flag" in
	--id=*) id=${flag#--id=}; id=${id#\'}; id=${id%\'} ;;
	--provision_endpoint=*) endpoint=${flag#--provision_endpoint=} ;;
	esac
done
echo "booted $id" >>"$BOOT_LOG"
exec "$WORKER" --worker=true --id="$id" --logging_endpoint="$endpoint" --control_endpoint="$endpoint" --semi_persist_dir=/tmp
`))
	if err := os.Chmod(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(cmd.Dir, "boot.log")
	cmd.Env = append(os.Environ(), "WORKER="+cmd.Path, "BOOT_LOG="+log)
	cmd.Args = append(cmd.Args, "pipeline", "--environment_type=PROCESS", `--environment_config={"command":"`+boot+`"}`)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
	}
	if data, err := os.ReadFile(log); err != nil || !strings.HasPrefix(string(data), "booted ") {
		t.Errorf("the boot program did not run: %q, %v", data, err)
	}
	t.Chdir(cmd.Dir)
	checkDemo(t, "argand-out", stdout.String())
}

// TestInterrupt interrupts a long job: it ends soon, says so in a line, and leaves no half-written file.
func TestInterrupt(t *testing.T) {
	for _, command := range []string{"pipeline", "detect"} {
		t.Run(command, func(t *testing.T) {
			data, err := os.ReadFile(pictures(t, "s640.png")[0])
			if err != nil {
				t.Fatal(err)
			}
			in := t.TempDir()
			for i := range 200 {
				writeTemp(t, in, strings.Repeat("x", 1+i)+".png", data)
			}
			cmd, stdout, stderr := program(t, command)
			if command == "pipeline" {
				cmd.Args = append(cmd.Args, "--output", "out", "--input", filepath.Join(in, "*.png"))
			} else {
				cmd.Args = append(cmd.Args, "--overlay", "out", in)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if some, _ := filepath.Glob(filepath.Join(cmd.Dir, "out", "x*.overlay.png")); len(some) > 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("no overlay after a minute; stderr %s", stderr)
				}
			}
			sent := time.Now()
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 || !strings.HasSuffix(stderr.String(), "argand: interrupted\n") {
				t.Errorf("ended with %v, stdout %q, stderr %q", err, stdout, stderr)
			}
			if took := time.Since(sent); took > 20*time.Second {
				t.Errorf("took %v to end", took)
			}
			done := 0
			err = filepath.WalkDir(cmd.Dir, func(path string, d os.DirEntry, err error) error {
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
			if err != nil || done == 0 || done == 200 {
				t.Errorf("%d overlays, %v", done, err)
			}
		})
	}
}

// TestDetectPipe interrupts reading from a pipe that nobody writes to.
func TestDetectPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe.png")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"detect", "--jsonl", path}, io.Discard, io.Discard) }()
	select {
	case status := <-done:
		if status != 1 {
			t.Errorf("status %d", status)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for the pipe")
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0) // lets the reader go, if there is one by now
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}
