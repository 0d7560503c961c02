package optest

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// graphCases are about how operators hang together.
func graphCases() []testCase {
	return []testCase{
		exact("graph/an input is the output", func(s source) sample {
			var b builder
			b.output(b.input(tensor.Float32))
			return sample{b.graph(), []*tensor.Tensor{s.normal(2, 3, 4, 5)}}
		}),
		exact("graph/inputs of every type pass through", func(s source) sample {
			var b builder
			var in []*tensor.Tensor
			for _, d := range tensor.DTypes() {
				b.output(b.input(d))
				t := empty(d, 3, 5)
				for i := range t.Bytes() {
					t.Bytes()[i] = byte(s.IntN(2))
				}
				in = append(in, t)
			}
			return sample{b.graph(), in}
		}),
		numeric("graph/an unused input, a dead node and one output twice", func(s source) sample {
			var b builder
			b.input(tensor.Uint8)
			x := b.input(tensor.Float32)
			y := b.add("conv", geometry{in: 3, out: 5, k: sq(3)}.conv(s), 1, x)[0]
			b.add("dead", &op.Activation{Act: op.Sigmoid}, 1, y)
			b.output(y, y)
			return sample{b.graph(), []*tensor.Tensor{empty(tensor.Uint8, 0, 3), s.normal(1, 3, 5, 6)}}
		}),
		numeric("graph/outputs that are read again", func(s source) sample {
			var b builder
			x := b.input(tensor.Float32)
			y := b.add("conv1", geometry{in: 3, out: 6, k: sq(1)}.conv(s), 1, x)[0]
			z := b.add("relu", &op.Activation{Act: op.ReLU}, 1, y)[0]
			w := b.add("add", &op.Add{}, 1, y, z)[0]
			b.output(w, y, z, x)
			return sample{b.graph(), []*tensor.Tensor{s.normal(2, 3, 5, 6)}}
		}),
		numeric("graph/one weight in two nodes", func(s source) sample {
			var b builder
			x, y := b.input(tensor.Float32), b.input(tensor.Float32)
			plain := geometry{in: 4, out: 4, k: sq(3), pad: sq(1)}.conv(s)
			relu := *plain
			relu.Epilogue = s.epilogue(4, op.NoResidual, op.ReLU)
			b.output(b.add("head", plain, 1, x)[0], b.add("head", plain, 1, y)[0], b.add("again", &relu, 1, x)[0])
			return sample{b.graph(), []*tensor.Tensor{s.normal(1, 4, 9, 5), s.normal(2, 4, 3, 4)}}
		}),
		numeric("graph/a residual read from an input and from an output", func(s source) sample {
			var b builder
			x := b.input(tensor.Float32)
			first := geometry{in: 5, out: 5, k: sq(3), pad: sq(1)}.conv(s)
			first.Epilogue = s.epilogue(5, op.SameResidual, op.ReLU)
			second := geometry{in: 5, out: 5, k: sq(1)}.conv(s)
			second.Epilogue = s.epilogue(5, op.SameResidual, op.ReLU)
			y := b.add("first", first, 1, x, x)[0]
			b.output(y, b.add("second", second, 1, y, y)[0])
			return sample{b.graph(), []*tensor.Tensor{s.normal(3, 5, 4, 7)}}
		}),
	}
}
