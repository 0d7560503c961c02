package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// A bucket is Google Cloud Storage in this process, with the embedded network and a picture in it.
type bucket struct {
	http.Handler
	mu    sync.Mutex
	asked []string // the files that were read
}

// ServeHTTP implements http.Handler.
func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		b.mu.Lock()
		b.asked = append(b.asked, path.Base(r.URL.Path))
		b.mu.Unlock()
	}
	b.Handler.ServeHTTP(w, r)
}

// reads returns how often a file was read since the last call.
func (b *bucket) reads(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, asked := range b.asked {
		if asked == name {
			n++
		}
	}
	b.asked = nil
	return n
}

// cloud starts the server once for all tests: Beam's client, which is made once in a process, asks for its address when
// it is made.
var cloud = sync.OnceValues(func() (*bucket, error) {
	picture, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		return nil, err
	}
	object := func(name string, content []byte) fakestorage.Object {
		return fakestorage.Object{ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "argand", Name: name}, Content: content}
	}
	evil, err := os.ReadFile(filepath.Join(checkpoints, "evil.pth"))
	if err != nil {
		return nil, err
	}
	names, err := json.Marshal(shapes.Labels()[1:])
	if err != nil {
		return nil, err
	}
	storage, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, Scheme: "http", PublicHost: "127.0.0.1",
		InitialObjects: []fakestorage.Object{object("shapes.pth", shapes.Model()), object("evil.pth", evil),
			object("in/s256.png", picture), object("names.json", names)},
	})
	if err != nil {
		return nil, err
	}
	b := &bucket{Handler: storage.HTTPHandler()}
	address := httptest.NewServer(b).Listener.Addr().String()
	return b, os.Setenv("STORAGE_EMULATOR_HOST", address)
})

func inCloud(t *testing.T) *bucket {
	t.Helper()
	b, err := cloud()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// digest returns the SHA-256 of data and one that differs in its last digit.
func digest(data []byte) (right, wrong string) {
	sum := sha256.Sum256(data)
	right = hex.EncodeToString(sum[:])
	sum[len(sum)-1] ^= 1
	return right, hex.EncodeToString(sum[:])
}

func TestInspectCloud(t *testing.T) {
	b := inCloud(t)
	local := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	right, wrong := digest(shapes.Model())
	for _, flags := range [][]string{{"--json", "--digest"}, {"--stats"}, {"--sha256", right}} {
		args := append([]string{"inspect"}, flags...)
		_, want, _ := command(t, append(args, local)...)
		b.reads("")
		status, got, stderr := command(t, append(args, "gs://argand/shapes.pth")...)
		if status != 0 || stderr != "" || got != want || !strings.Contains(got, "maskrcnn_resnet50_fpn") {
			t.Errorf("%q: status %d, stderr %q, stdout\n%s\nwant\n%s", args, status, stderr, got, want)
		}
		if n := b.reads("shapes.pth"); n != 1 {
			t.Errorf("%q: the file was read %d times", args, n)
		}
	}
	for _, c := range [][2]string{
		{"gs://argand/absent.pth", "gs://argand/absent.pth: "},
		{"gs://nowhere/shapes.pth", "gs://nowhere/shapes.pth: "},
		{"gs://argand/shapes.pth", "gs://argand/shapes.pth: SHA-256 is " + right},
	} {
		status, stdout, stderr := command(t, "inspect", "--sha256", wrong, c[0])
		if status != 1 || stdout != "" || !strings.Contains(stderr, c[1]) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, stdout %q, stderr %q", c[0], status, stdout, stderr)
		}
	}
	b.reads("")
	r := inspected(t, "gs://argand/evil.pth")
	if n := b.reads("evil.pth"); n != 1 || !r.Inert {
		t.Errorf("a file that is refused otherwise was read %d times: %+v", n, r)
	}
	out := filepath.Join(t.TempDir(), "shapes.safetensors")
	if status, _, stderr := command(t, "convert", "gs://argand/shapes.pth", out); status != 0 || stderr != "" {
		t.Errorf("convert: status %d, %s", status, stderr)
	}
}

// TestPipelineCloud has network, names and pictures in the cloud, and compares with detect on local files.
func TestPipelineCloud(t *testing.T) {
	b := inCloud(t)
	right, wrong := digest(shapes.Model())
	local := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	flags := []string{"--min-size", "256", "--max-size", "400"}
	_, line, _ := command(t, append([]string{"detect", "--json", "--model", local, pictures(t, "s256.png")[0]}, flags...)...)
	var want result
	strict(t, line, &want)

	out := t.TempDir()
	args := append([]string{"pipeline", "--model", "gs://argand/shapes.pth", "--labels", "gs://argand/names.json",
		"--input", "gs://argand/in/*.png"}, flags...)
	b.reads("")
	status, stdout, stderr := command(t, append(args, "--sha256", right, "--output", out)...)
	if status != 0 || stderr != "" || !strings.Contains(stdout, "1 picture, ") {
		t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if n := b.reads("shapes.pth"); n > 1 { // not at all if the test runs again: a process keeps its networks
		t.Errorf("the network was read %d times", n)
	}
	got := rows[beamio.Row](t, filepath.Join(out, detectionsFile))
	if len(got) != 1 || got[0].File != "gs://argand/in/s256.png" {
		t.Fatalf("rows %+v", got)
	}
	found := detections(t, got[0])
	if len(found) != len(want.Detections) || len(found) == 0 {
		t.Fatalf("%d objects, want %d", len(found), len(want.Detections))
	}
	for i, w := range want.Detections {
		if g := found[i]; g.Box != w.Box || g.Score != w.Score || g.Name != shapes.Labels()[w.Label] || *g.Mask != *w.Mask {
			t.Errorf("object %d: %+v, want %+v", i, g, w)
		}
	}

	out = t.TempDir()
	status, _, stderr = command(t, append(args, "--sha256", wrong, "--output", out)...)
	if status != 1 || !strings.Contains(stderr, "SHA-256 is "+right) || listing(t, out) != "" {
		t.Errorf("another checksum: status %d, stderr %q, output %q", status, stderr, listing(t, out))
	}
}
