package main

import (
	"bytes"
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
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// A cloud is an object store in this process, with the bucket "argand".
type cloud struct {
	http.Handler
	mu    sync.Mutex
	asked []string // what was read, by the last part of its name
}

// ServeHTTP implements http.Handler.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/storage/") { // where Google tells about files
		c.mu.Lock()
		c.asked = append(c.asked, path.Base(r.URL.Path))
		c.mu.Unlock()
	}
	c.Handler.ServeHTTP(w, r)
}

// reads returns how often a file was read since the last call.
func (c *cloud) reads(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, asked := range c.asked {
		if asked == name {
			n++
		}
	}
	c.asked = nil
	return n
}

// objects are what the buckets hold: the embedded network and a picture, whole and in shards; a refused file; names; a
// picture with a hard name; and an object that stands for a folder, as consoles make them.
func objects() (map[string][]byte, error) {
	picture, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		return nil, err
	}
	names, err := json.Marshal(shapes.Labels()[1:])
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{"shapes.pth": shapes.Model(), "names.json": names, "few.txt": []byte("circle\nsquare\n"),
		"list.txt": []byte("gs://argand/in/s256.png\ns3://argand/in/s256.png\ns3://argand/absent.png\n"),
		"in/":      nil, "in/s256.png": picture, "odd/a b+50% #1?.png": picture}
	for _, name := range []string{"evil.pth", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
		"model-00002-of-00002.safetensors", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin",
		"pytorch_model-00002-of-00002.bin"} {
		if all["dir/"+name], err = os.ReadFile(filepath.Join(checkpoints, name)); err != nil {
			return nil, err
		}
	}
	all["dir/torn.index.json"] = []byte(`{"weight_map":{"a":"absent.safetensors"}}`)
	all["dir/out.index.json"] = []byte(`{"weight_map":{"a":"../shapes.pth"}}`)
	all["dir/sly.index.json"] = []byte(`{"weight_map":{"a":"..%2Fshapes.pth"}}`)
	return all, nil
}

// clouds starts the servers once for all tests: Beam's clients, one in a process, ask for their addresses when they are
// made.
var clouds = sync.OnceValues(func() (map[string]*cloud, error) {
	all, err := objects()
	if err != nil {
		return nil, err
	}
	var initial []fakestorage.Object
	amazon := s3mem.New()
	if err := amazon.CreateBucket("argand"); err != nil {
		return nil, err
	}
	for name, data := range all {
		at := fakestorage.ObjectAttrs{BucketName: "argand", Name: name}
		initial = append(initial, fakestorage.Object{ObjectAttrs: at, Content: data})
		if _, err := amazon.PutObject("argand", name, nil, bytes.NewReader(data), int64(len(data)), nil); err != nil {
			return nil, err
		}
	}
	google, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, Scheme: "http", PublicHost: "127.0.0.1", InitialObjects: initial})
	if err != nil {
		return nil, err
	}
	quietS3()
	servers := map[string]*cloud{
		"gs": {Handler: google.HTTPHandler()},
		"s3": {Handler: gofakes3.New(amazon).Server()},
	}
	address := func(scheme string) string { return httptest.NewServer(servers[scheme]).Listener.Addr().String() }
	for name, value := range map[string]string{
		"STORAGE_EMULATOR_HOST": address("gs"),
		"AWS_ENDPOINT_URL_S3":   "http://" + address("s3"),
		"AWS_REGION":            "us-east-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return servers, nil
})

// inClouds runs a test on each cloud; bucket is "gs://argand/", say.
func inClouds(t *testing.T, test func(t *testing.T, c *cloud, bucket string)) {
	all, err := clouds()
	if err != nil {
		t.Fatal(err)
	}
	for scheme, c := range all {
		t.Run(scheme, func(t *testing.T) { test(t, c, scheme+"://argand/") })
	}
}

// listed returns the names of the objects in a bucket that match, without what all begin with.
func listed(t *testing.T, bucket, pattern string) string {
	t.Helper()
	files, err := beamio.FileSystem(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	names, err := files.List(t.Context(), bucket+pattern)
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], bucket)
	}
	return strings.Join(names, " ")
}
