//go:build linux && cgo && !nocuda

package cuda_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/nn/vision"
)

// lower are the precisions besides float32.
var lower = []op.Precision{op.TensorFloat32, op.BFloat16, op.Float16}

// TestConformanceAt holds all operators against their formulas at lower precisions.
func TestConformanceAt(t *testing.T) {
	for _, p := range lower {
		t.Run(p.String(), func(t *testing.T) { optest.RunAt(t, open(t, fakedriver.New(t)), p, unsupported...) })
	}
}

// TestMaskRCNNAt holds a detector of a small picture at lower precisions against the CPU's in float32, with the bounds of
// goldens. Objects whose scores are at the threshold of 0.05 may come or go.
func TestMaskRCNNAt(t *testing.T) {
	model := shapes.Model()
	src := must(loaders.OpenReaderAt(bytes.NewReader(model), int64(len(model)), "model_f16.pth"))
	data := must(fs.ReadFile(shapes.Pictures(), "s256.png"))
	want := found{Name: "s256", MinSize: 96, MaxSize: 128}
	d, err := vision.NewDetector(bg, kernels.CPU(), src, vision.WithMinSize(want.MinSize), vision.WithMaxSize(want.MaxSize))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := d.Detect(bg, decode(t, data))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	want.Boxes, want.Labels, want.Scores = objects.Boxes, objects.Labels, objects.Scores
	if len(want.Labels) < 2 {
		t.Fatalf("%d objects", len(want.Labels))
	}
	gpu := open(t, fakedriver.New(t))
	for _, b := range bounds {
		t.Run(b.precision.String(), func(t *testing.T) {
			if lone := b.detect(t, gpu, src, data, want, 1); lone > b.lost {
				t.Errorf("%d of %d objects without a pair", lone, len(want.Labels))
			}
		})
	}
}

// TestRefusedPrecision has a device without the tensor cores that are needed, and a precision that nobody has: Load says
// what the device has.
func TestRefusedPrecision(t *testing.T) {
	gpu := open(t, fakedriver.New(t, "FAKE_MAJOR=7", "FAKE_MINOR=5"))
	x, _ := floats(1, 3, 4, 4)
	for p, want := range map[op.Precision]string{
		op.Float32: "", op.TensorFloat32: "has 7.5", op.BFloat16: "has 7.5", op.Float16: "needs compute capability 8.0", 9: "precision 9",
	} {
		g := &op.Graph{Values: 2, Inputs: []op.Input{{Value: 0, DType: x.DType()}}, Outputs: []op.Value{1},
			Nodes: []op.Node{{Path: "relu", Op: &op.Activation{Act: op.ReLU}, In: []op.Value{0}, Out: []op.Value{1}}}}
		m, err := gpu.Load(bg, g, op.Options{Precision: p})
		if err == nil {
			err = m.Close()
		}
		e, refused := errors.AsType[*op.UnsupportedError](err)
		if refused != (want != "") || !refused && err != nil || refused && !strings.Contains(e.Error(), want) {
			t.Errorf("%v: %v; want %q in it", p, err, want)
		}
	}
}
