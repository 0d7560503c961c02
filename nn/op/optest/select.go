package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// selectPixel computes y[n,c,0,0] = x[n,c,i,j] with i·W + j = Index.
func selectPixel(o *op.Select, y, x *tensor.Tensor) {
	for n := range x.Shape()[0] {
		for c := range x.Shape()[1] {
			plane(y, n, c)[0] = plane(x, n, c)[o.Index]
		}
	}
}

func selectCases() (cases []testCase) {
	for _, p := range []struct{ n, c, h, w, index int }{
		{2, 768, 7, 1, 0}, {3, 17, 3, 5, 7}, {1, 40, 4, 3, 11}, {1, 1, 1, 1, 0}, {2, 5, 3, 2, 4}, {0, 5, 3, 2, 4},
	} {
		name := fmt.Sprintf("select/%d of %d %d %d %d", p.index, p.n, p.c, p.h, p.w)
		cases = append(cases, exact(name, func(s source) sample {
			return one(&op.Select{Index: p.index}, s.normal(p.n, p.c, p.h, p.w))
		}))
	}
	// A vision transformer of one block, with its residuals fused.
	return append(cases, numeric("network/vision transformer", transformer))
}

// transformer is a picture's way through a block of a vision transformer.
func transformer(s source) sample {
	const width, heads, hidden = 24, 3, 50
	var b builder
	picture := b.input(tensor.Float32)
	patches := geometry{in: 3, out: width, k: sq(4), stride: sq(4)}.conv(s)
	patches.Bias = s.vector(width, 0)
	x := b.add("conv_proj", patches, 1, picture)[0]
	positions := &op.Tokens{Class: s.normal(width), Positions: s.normal(13, width), Size: [2]int{12, 16}}
	x = b.add("tokens", positions, 1, x, picture)[0]
	pointwise := func(path string, in, out int, r op.Residual, a op.Act, operands ...op.Value) op.Value {
		o := geometry{in: in, out: out, k: sq(1)}.conv(s)
		o.Epilogue = s.epilogue(out, r, a)
		return b.add(path, o, 1, operands...)[0]
	}
	y := b.add("ln_1", s.layerNorm(width, tensor.Float32), 1, x)[0]
	y = pointwise("in_proj", width, 3*width, op.NoResidual, op.NoAct, y)
	y = b.add("attention", &op.Attention{Heads: heads}, 1, y)[0]
	x = pointwise("out_proj", width, width, op.SameResidual, op.NoAct, y, x)
	y = b.add("ln_2", s.layerNorm(width, tensor.Float32), 1, x)[0]
	y = pointwise("mlp.0", width, hidden, op.NoResidual, op.GELU, y)
	x = pointwise("mlp.3", hidden, width, op.SameResidual, op.NoAct, y, x)
	y = b.add("ln", s.layerNorm(width, tensor.Float32), 1, x)[0]
	b.output(x, b.add("class", &op.Select{}, 1, y)[0])
	return sample{b.graph(), []*tensor.Tensor{s.normal(2, 3, 12, 16)}}
}
