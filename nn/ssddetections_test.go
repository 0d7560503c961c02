package nn_test

import (
	"context"
	"slices"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/tensor"
)

// TestSSDDetections: one default box whose object can be told by hand.
func TestSSDDetections(t *testing.T) {
	f32 := tensor.Float32
	o := op.SSDDetections{DefaultBoxes: [][][2]float32{{{0.5, 0.25}}}, ScoreThreshold: 0.01, NMSThreshold: 0.45,
		Candidates: 400, Max: 200, Weights: [4]float32{10, 10, 5, 5}}
	types := []tensor.DType{f32, f32, f32, f32}
	n, err := nn.CompileFunc(context.Background(), optest.Reference(), types, func(in ...nn.Value) []nn.Value {
		boxes, labels, scores, used := nn.SSDDetections("head", o, in[0], in[1], in[2:3], in[3:])
		return []nn.Value{boxes, labels, scores, used}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.Run(context.Background(), of(t, []float32{64, 64}, 1, 2), of(t, make([]float32, 64*64), 1, 1, 64, 64),
		of(t, []float32{0, 0, -40}, 1, 3, 1, 1), of(t, []float32{5, 0, 0, 0}, 1, 4, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	// Half as wide as the image and in its middle; moved by half its width.
	if got := floats(t, out[0]); !slices.Equal(got[:4], []float32{32, 24, 64, 40}) {
		t.Errorf("boxes %v", got)
	}
	if labels, err := tensor.Data[int64](out[1]); err != nil || labels[0] != 1 {
		t.Errorf("labels %v, %v", labels, err)
	}
	if used, err := tensor.Data[int32](out[3]); err != nil || used[0] != 1 || floats(t, out[2])[0] != 0.5 {
		t.Errorf("%d objects, scores %v, %v", used, floats(t, out[2]), err)
	}
}
