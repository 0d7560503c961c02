//go:build linux && cgo && !nocuda

package cuda_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// pictures are random ones of all sizes, scaled into an image of h×w. Numbers are the same to the bit on the device.
func pictures(name string, h, w int, sizes ...[5]int32) selection {
	r := rand.New(rand.NewPCG(uint64(h), uint64(w)))
	o := &op.Preprocess{}
	for c := range o.Values {
		for v := range o.Values[c] {
			o.Values[c][v] = (float32(v)/255 - 0.4) / (0.2 + 0.01*float32(c))
		}
	}
	room := 0
	for _, s := range sizes {
		if s[0] < 1000 { // there is no room for larger ones
			room = max(room, int(3*s[0]*s[1]*s[4])+3)
		}
	}
	room &^= 3
	pixels, size := must(tensor.New(tensor.Uint8, len(sizes), room)), must(tensor.New(tensor.Int32, len(sizes), 5))
	for i := range pixels.Bytes() {
		pixels.Bytes()[i] = uint8(r.IntN(256)) & 0xBF // no float32 is infinite, or none
	}
	for n, s := range sizes {
		copy(must(tensor.Data[int32](size))[5*n:], s[:])
	}
	canvas := must(tensor.New(tensor.Uint8, 1, 0, h, w))
	return selection{name: name, op: o, in: []*tensor.Tensor{pixels, size, canvas}, out: 2}
}

// pasted are masks in boxes all over a picture of h×w and beyond.
func pasted(name string, masks, size, h, w int, strange bool) selection {
	r := rand.New(rand.NewPCG(uint64(h), uint64(w)))
	probs, v := floats(masks, size, size)
	for i := range v {
		v[i] = min(max(0.5+float32(r.NormFloat64()), 0), 1)
	}
	boxes, b := floats(masks, 4)
	for i := 0; i < len(b); i += 4 {
		side := math.Exp2(10 * r.Float64())
		x, y := r.Float64()*float64(w)-side/3, r.Float64()*float64(h)-side/3
		for k, v := range []float64{x, y, x + side, y + side*(0.5+r.Float64())} {
			b[i+k] = odd(r, float32(v), strange)
		}
	}
	canvas := must(tensor.New(tensor.Uint8, 1, 0, h, w))
	return selection{name: name, op: &op.MaskPaste{Threshold: 0.5}, in: []*tensor.Tensor{probs, boxes, canvas}, out: 1}
}

// drawings are what is done to pictures before the network and behind it.
func drawings() []selection {
	return []selection{
		pictures("pictures", 60, 70, [5]int32{37, 41, 55, 61, 1}, [5]int32{113, 99, 60, 52, 1}, [5]int32{60, 50, 60, 66, 1},
			[5]int32{7, 200, 3, 70, 1}, [5]int32{0, 9, 9, 9, 1}, [5]int32{9000, 9000, 9, 9, 1}),
		pictures("floating pictures", 30, 40, [5]int32{13, 17, 29, 37, 4}, [5]int32{60, 41, 30, 20, 1}),
		pasted("pasted masks", 12, 28, 75, 130, false),
		pasted("strange masks", 40, 5, 40, 64, true),
	}
}

// TestPicturesOf16Bits holds an image of 16 bits, as the layers of a detector read it, against float32's.
func TestPicturesOf16Bits(t *testing.T) {
	s := drawings()[0]
	g := &op.Graph{Values: 6, Outputs: []op.Value{5, 4}, Nodes: []op.Node{
		{Path: "transform", Op: s.op, In: []op.Value{0, 1, 2}, Out: []op.Value{3, 4}},
		{Path: "as it is", Op: &op.MaxPool2d{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}}, In: []op.Value{3}, Out: []op.Value{5}},
	}}
	var shapes []tensor.Shape
	for i, x := range s.in {
		g.Inputs = append(g.Inputs, op.Input{Value: op.Value(i), DType: x.DType()})
		shapes = append(shapes, x.Shape())
	}
	specs := must(g.Infer(shapes...))
	run := func(b op.Backend, p op.Precision) (image, sizes []float32) {
		m := must(b.Load(context.Background(), g, op.Options{Precision: p}))
		defer m.Close()
		var out []*tensor.Tensor
		for _, v := range g.Outputs {
			out = append(out, must(tensor.New(specs[v].DType, specs[v].Shape...)))
		}
		if err := must(m.Program(shapes...)).RunInto(context.Background(), out, s.in); err != nil {
			t.Fatal(err)
		}
		return must(tensor.Data[float32](out[0])), must(tensor.Data[float32](out[1]))
	}
	gpu := open(t, fakedriver.New(t))
	want, wantSizes := run(kernels.CPU(), op.Float32)
	for precision, half := range map[op.Precision]float64{op.BFloat16: 1.0 / 256, op.Float16: 1.0 / 2048} {
		got, sizes := run(gpu, precision)
		for i, w := range wantSizes {
			if sizes[i] != w {
				t.Errorf("%v: size %d is %v, want %v", precision, i, sizes[i], w)
			}
		}
		rounded := 0
		for i, w := range want {
			if d := math.Abs(float64(got[i] - w)); !(d <= half*math.Abs(float64(w))+1e-7) {
				t.Fatalf("%v: number %d is %v, want %v", precision, i, got[i], w)
			} else if d > 0 {
				rounded++
			}
		}
		if rounded < len(want)/4 {
			t.Errorf("%v: %d numbers of %d were rounded", precision, rounded, len(want))
		}
	}
}
