package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// mul computes z = x·y, element by element, where the shorter operand has one
// number for all pixels of a channel.
func mul(z, x, y *tensor.Tensor) {
	out, a, b := floats(z), floats(x), floats(y)
	for i := range out {
		out[i] = float32(float64(a[i*len(a)/len(out)]) * float64(b[i*len(b)/len(out)]))
	}
}

func mulCases() (cases []testCase) {
	for _, shape := range []tensor.Shape{
		{1, 1, 1, 1}, {3, 5, 7, 9}, {1, 64, 4, 4}, {3, 33}, {7}, {}, {2, 0, 3}, {2, 3, 5},
	} {
		cases = append(cases, numeric(fmt.Sprintf("mul/%v", shape), func(s source) sample {
			return one(&op.Mul{}, s.normal(shape...), s.normal(shape...))
		}))
	}
	for _, shape := range []tensor.Shape{
		{3, 5, 7, 9}, {1, 72, 4, 4}, {2, 960, 2, 3}, {3, 1, 1, 2}, {0, 3, 2, 2}, {2, 3, 0, 4},
	} {
		for _, first := range []bool{false, true} {
			name := fmt.Sprintf("mul/channels of %v, scale first %v", shape, first)
			cases = append(cases, numeric(name, func(s source) sample {
				x, y := s.normal(shape...), s.normal(shape[0], shape[1], 1, 1)
				if first {
					x, y = y, x
				}
				return one(&op.Mul{}, x, y)
			}))
		}
	}
	// A squeeze-and-excitation block of MobileNetV3.
	return append(cases, numeric("mul/squeeze and excitation", func(s source) sample {
		var b builder
		x := b.input(tensor.Float32)
		v := b.add("avgpool", &op.GlobalAvgPool2d{}, 1, x)[0]
		squeeze, excite := geometry{in: 21, out: 8, k: sq(1)}.conv(s), geometry{in: 8, out: 21, k: sq(1)}.conv(s)
		squeeze.Epilogue = s.epilogue(8, op.NoResidual, op.ReLU)
		excite.Epilogue = s.epilogue(21, op.NoResidual, op.HardSigmoid)
		v = b.add("fc2", excite, 1, b.add("fc1", squeeze, 1, v)[0])[0]
		b.output(b.add("mul", &op.Mul{}, 1, v, x)[0])
		return sample{b.graph(), []*tensor.Tensor{s.normal(3, 21, 5, 6)}}
	}))
}
