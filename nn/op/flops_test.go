package op

import (
	"testing"

	"github.com/argand-go/argand/tensor"
)

// TestFLOPs compares with loops that count the multiply-adds of the formulas.
func TestFLOPs(t *testing.T) {
	counts := Spec{DType: tensor.Int32, Shape: tensor.Shape{2}}
	boxes, level := F32(2, 3, 4), F32(2, 8, 5, 5)
	vector := weight(8)
	for _, c := range []struct {
		name string
		op   Op
		in   []Spec
		want int64
	}{
		{"3×3", &Conv2d{Weight: weight(6, 4, 3, 3), Stride: [2]int{2, 2}, Padding: [2]int{1, 1}},
			[]Spec{F32(2, 4, 9, 7)}, count(2, 6, 5, 4, 4, 3, 3)},
		{"groups", &Conv2d{Weight: weight(6, 2, 1, 3), Groups: 2},
			[]Spec{F32(1, 4, 5, 5)}, count(1, 6, 5, 3, 2, 1, 3)},
		{"residual", &Conv2d{Weight: weight(6, 4, 1, 1),
			Epilogue: Epilogue{Residual: SameResidual, Act: ReLU}},
			[]Spec{F32(1, 4, 5, 5), F32(1, 6, 5, 5)}, count(1, 6, 5, 5, 4)},
		{"transposed", &ConvTranspose2d{Weight: weight(4, 6, 2, 2), Stride: [2]int{2, 2}},
			[]Spec{F32(3, 4, 5, 7)}, count(3, 6, 10, 14, 4)}, // one tap reaches each result
		{"linear", &Linear{Weight: weight(6, 4)}, []Spec{F32(3, 4)}, count(3, 6, 4)},
		{"batch norm", &BatchNorm2d{Weight: vector, Bias: vector, Mean: vector, Var: vector},
			[]Spec{level}, count(2, 8, 5, 5)},
		{"layer norm", &LayerNorm{Weight: vector, Bias: vector}, []Spec{level}, count(2, 8, 5, 5, 7) / 2},
		{"attention", &Attention{Heads: 4}, []Spec{F32(2, 24, 3, 5)}, 2 * count(2, 4, 15, 15, 2)},
		{"positions", &Tokens{Class: vector, Positions: weight(26, 8), Size: [2]int{10, 10}},
			[]Spec{level, F32(2, 3, 10, 10)}, count(2, 8, 26) / 2},
		{"select", &Select{}, []Spec{level}, 0},
		{"group norm", &GroupNorm{Groups: 4}, []Spec{level}, count(2, 8, 5, 5, 5) / 2},
		{"add", &Add{}, []Spec{level, level}, count(2, 8, 5, 5) / 2},
		{"normalize", &L2Norm{Weight: vector}, []Spec{level}, 2 * count(2, 8, 5, 5)},
		{"average", &GlobalAvgPool2d{}, []Spec{level}, count(2, 8, 5, 5) / 2},
		{"RoIAlign", &RoIAlign{Size: 7, Sampling: 2, Scales: []float64{0.25}, CanonicalScale: 224, CanonicalLevel: 4},
			[]Spec{boxes, counts, level}, count(6, 8, 7, 7, 2, 2, 4)},
		{"max pool", &MaxPool2d{Kernel: [2]int{3, 3}}, []Spec{level}, 0},
		{"flatten", &Flatten{}, []Spec{level}, 0},
		{"activation", &Activation{Act: ReLU}, []Spec{level}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := c.op.Infer(c.in...)
			if err != nil {
				t.Fatal(err)
			}
			if got := FLOPs(c.op, c.in, out); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// count goes through nested loops and counts two for each innermost step.
func count(extents ...int) int64 {
	if len(extents) == 0 {
		return 2
	}
	n := int64(0)
	for range extents[0] {
		n += count(extents[1:]...)
	}
	return n
}
