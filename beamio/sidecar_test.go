package beamio

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// TestDetectorSidecar has a side-car on two filesystems, which the handler's fields overrule.
func TestDetectorSidecar(t *testing.T) {
	text := []byte(`{"min_size": 320, "max_size": 500, "max_detections": 7, "preset": "MaskRCNN_ResNet50_FPN_Weights.COCO_V1"}`)
	h := shapesModel(t)
	h.MinSize, h.MaxSize, h.Preset = 64, 0, ""
	local := filepath.Join(filepath.Dir(h.Labels), "car.json")
	write(t, filepath.Dir(local), "car.json", text)
	memfs.Write("memfs://sidecars/car.json", text)
	for _, h.Sidecar = range []string{local, "memfs://sidecars/car.json"} {
		m, err := h.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d := m.(*Steps[Picture, *picture.RGB, Detections]).Network.(*onDevice).network.(*vision.Detector)
		s := d.Settings()
		if x := s.Transform; x.MinSize != 64 || x.MaxSize != 500 || s.MaxDetections != 7 || s.Eps != 0 {
			t.Errorf("%s: %+v", h.Sidecar, s)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	write(t, filepath.Dir(local), "car.json", []byte(`{"min_size": "small"}`))
	for _, path := range []string{local, local + ".absent"} {
		h.Sidecar = path
		if _, err := h.Load(t.Context()); err == nil {
			t.Errorf("%s was loaded", path)
		} else if _, ok := errors.AsType[*vision.SidecarError](err); ok != (path == local) {
			t.Errorf("%s: %v", path, err)
		}
		k := &Classifier{Model: h.Model, Sidecar: path}
		if _, err := k.Load(t.Context()); err == nil {
			t.Errorf("%s was loaded by a classifier", path)
		} else if _, ok := errors.AsType[*vision.SidecarError](err); ok != (path == local) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
