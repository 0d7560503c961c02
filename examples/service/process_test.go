//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/nn/vision"
)

// TestDrain builds and starts the service, sends it SIGTERM while a picture is on its way in, and wants that picture
// answered, the next refused, and a clean exit.
func TestDrain(t *testing.T) {
	cmd, lines, url, stderr := start(t)
	data, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		t.Fatal(err)
	}
	body, writer := io.Pipe()
	type reply struct {
		code int
		body []byte
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		r, err := http.Post(url, "image/png", body)
		if err != nil {
			replies <- reply{err: err}
			return
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		replies <- reply{r.StatusCode, text, err}
	}()
	if _, err := writer.Write(data[:1000]); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.HasPrefix(health(t, url), "ok, 1 of") })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "draining" {
		t.Errorf("after SIGTERM it says %q", lines.Text())
	}
	waitFor(t, func() bool {
		r, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(newGet(t, url+"/healthz"))
		if err == nil {
			r.Body.Close()
		}
		return err != nil
	})
	if _, err := writer.Write(data[1000:]); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	r := <-replies
	if r.err != nil || r.code != http.StatusOK {
		t.Fatalf("the request under way got status %d, %v: %s", r.code, r.err, r.body)
	}
	var got vision.Report
	if err := json.Unmarshal(r.body, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Detections) == 0 || got.Detections[0].Name != "circle" || got.Detections[0].Score < 0.9 {
		t.Errorf("found %s, want a circle", r.body)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v; stderr: %s", err, stderr.String())
	}
}

func newGet(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSecondSignal wants the second SIGTERM to end the service while a picture is on its way in.
func TestSecondSignal(t *testing.T) {
	cmd, lines, url, stderr := start(t)
	body, writer := io.Pipe()
	defer writer.Close()
	go func() {
		if r, err := http.Post(url, "image/png", body); err == nil {
			r.Body.Close()
		}
	}()
	if _, err := writer.Write([]byte("\x89PNG")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.HasPrefix(health(t, url), "ok, 1 of") })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "draining" {
		t.Errorf("after SIGTERM it says %q", lines.Text())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for second := 0; ; second++ { // the first of these may come before the handler is gone
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case <-ended:
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v; stderr: %s", cmd.ProcessState, stderr.String())
			}
			return
		case <-time.After(time.Second):
			if second == 5 {
				t.Fatal("further signals do not end it")
			}
		}
	}
}

// start builds and starts the service and returns it, the rest of its output, its address and what it will complain of.
func start(t *testing.T) (cmd *exec.Cmd, lines *bufio.Scanner, url string, stderr *bytes.Buffer) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "service")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd = exec.Command(bin, "-addr", "127.0.0.1:0")
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended by then if all went well
	lines = bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatalf("no output; stderr: %s", stderr.String())
	}
	return cmd, lines, strings.TrimPrefix(lines.Text(), "listening on "), stderr
}
