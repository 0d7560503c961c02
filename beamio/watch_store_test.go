package beamio

import (
	"bytes"
	"io/fs"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/gcs"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// bucket starts a server of object storage with the bucket "models", which the
// process's client for gs:// talks to until the test ends.
func bucket(t *testing.T) *fakestorage.Server {
	t.Helper()
	store, err := fakestorage.NewServerWithOptions(
		fakestorage.Options{NoListener: true, Scheme: "http", PublicHost: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	store.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "models"})
	server := httptest.NewServer(store.HTTPHandler())
	t.Setenv("STORAGE_EMULATOR_HOST", server.Listener.Addr().String())
	forget := func() {
		clients.mu.Lock()
		delete(clients.open, "gs")
		clients.mu.Unlock()
	}
	forget()
	t.Cleanup(func() { forget(); server.Close() })
	return store
}

// swappedModel returns the embedded model with circles and triangles in each
// other's place.
func swappedModel(t *testing.T) []byte {
	t.Helper()
	c, err := loaders.OpenBytes(bytes.Clone(shapes.Model()), "swapped")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"cls_score.weight", "cls_score.bias", "bbox_pred.weight", "bbox_pred.bias"} {
		x, err := c.Tensor("roi_heads.box_predictor." + key)
		if err != nil {
			t.Fatal(err)
		}
		data := x.Bytes() // of the file in memory
		class := len(data) / len(shapes.Labels())
		circle := bytes.Clone(data[class : 2*class])
		copy(data[class:], data[3*class:4*class])
		copy(data[3*class:], circle)
	}
	var out bytes.Buffer
	if err := loaders.WriteSafetensors(&out, c); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestDetectorIsWatchedInAStore changes the model in a bucket while bundles run,
// for another, and for what is none.
func TestDetectorIsWatchedInAStore(t *testing.T) {
	fresh(t)
	store := bucket(t)
	put := func(name string, data []byte) {
		store.CreateObject(fakestorage.Object{
			ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "models", Name: name}, Content: data})
	}
	put("a.pth", shapes.Model())
	data, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		t.Fatal(err)
	}
	h := shapesModel(t)
	h.Model, h.MinSize, h.NoMasks = "gs://models/a.pth", 96, true
	p, err := pack(h)
	if err != nil {
		t.Fatal(err)
	}
	set, err := newSettings(h, false, []Option{WithModelWatch("gs://models/*.pth", 10*time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	f := &inferFn[Picture, Detections]{Spec: mustJSON(t, inferSpec{set, p})}
	ctx := metrics.SetPTransformID(metrics.SetBundleID(t.Context(), "bundle"), "transform")
	failures := func() (n int64) {
		for _, c := range metrics.ResultsExtractor(ctx).AllMetrics().Counters() {
			if c.Key.Name == "model_update_failures" {
				n += c.Result()
			}
		}
		return n
	}
	// until runs bundles until one is as told, and returns its model and the names of what it found.
	until := func(done func(model string) bool) (model string, names []string) {
		t.Helper()
		result := func(_ beam.EventTime, r PredictionResult[Picture, Detections]) {
			model, names = r.ModelID, slices.Sorted(slices.Values(r.Inference.Names))
		}
		failure := func(_ beam.EventTime, f Failure[Picture]) { t.Errorf("failure %+v", f) }
		for start := time.Now(); ; {
			err := f.StartBundle(ctx, result, failure)
			if err == nil {
				err = f.ProcessElement(ctx, 0, Picture{"p", data}, result, failure)
			}
			if err == nil {
				err = f.FinishBundle(ctx, result, failure)
			}
			switch {
			case err != nil:
				t.Fatal(err)
			case done(model):
				return model, names
			case time.Since(start) > time.Minute:
				t.Fatalf("for a minute it is %s that finds %q", model, names)
			}
		}
	}
	_, first := until(func(model string) bool { return model == "gs://models/a.pth" })
	put("b.pth", swappedModel(t))
	_, second := until(func(model string) bool { return model == "gs://models/b.pth" })
	put("c.pth", []byte("garbage"))
	third, same := until(func(string) bool { return failures() > 0 })
	swap := strings.NewReplacer("circle", "triangle", "triangle", "circle")
	swapped := strings.Fields(swap.Replace(strings.Join(second, " ")))
	slices.Sort(swapped)
	if !slices.Contains(first, "circle") || slices.Equal(first, second) || !slices.Equal(swapped, first) {
		t.Errorf("found %q, and then %q", first, second)
	}
	if third != "gs://models/b.pth" || !slices.Equal(same, second) {
		t.Errorf("after garbage %s finds %q", third, same)
	}
	awaitNoGoroutines(t) // the watch ends without bundles, and lets go of the store
}
