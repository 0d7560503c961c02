//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
)

// TestDrain builds and starts the service, sends it SIGTERM while a picture is on its way in, and wants that picture
// answered, the next refused, and a clean exit.
func TestDrain(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "service")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.Command(bin, "-addr", "127.0.0.1:0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatalf("no output; stderr: %s", stderr.String())
	}
	url := strings.TrimPrefix(lines.Text(), "listening on ")

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
	var got answer
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
