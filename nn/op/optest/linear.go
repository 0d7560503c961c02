package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// linear computes sum[n,o] = Σ_c w[o,c] · x[n,c] and then the epilogue.
// (N, C) → (N, O).
func linear(o *op.Linear, y, x, residual *tensor.Tensor) {
	w, v := numbers(o.Weight), floats(x)
	outputs, inputs := o.Weight.Shape()[0], o.Weight.Shape()[1]
	for n := range x.Shape()[0] {
		for out := range outputs {
			var sum float64
			for c := range inputs {
				sum += float64(w[out*inputs+c]) * float64(v[n*inputs+c])
			}
			finish(&o.Epilogue, y, n, out, []float64{sum}, residual)
		}
	}
}

func linearCases() (cases []testCase) {
	for _, l := range []struct {
		in, out int
		weight  tensor.DType
	}{
		{12544, 67, tensor.Float32}, // fc6, narrower
		{1024, 91, tensor.Float32},
		{1024, 364, tensor.Float16},
		{2048, 1000, tensor.Float32},
		{512, 10, tensor.BFloat16},
		{1, 1, tensor.Float32},
		{1, 17, tensor.Float32},
		{17, 1, tensor.Float32},
		{7, 13, tensor.Float16},
		{13, 33, tensor.Float64},
		{65, 31, tensor.Float32},
		{3, 0, tensor.Float32},
		{0, 3, tensor.Float32},
	} {
		for _, f := range finishes {
			if f.residual == op.NearestResidual {
				continue
			}
			for _, rows := range []int{f.batch, 17, 0} {
				if rows == 17 && (l.in > 1024 || f.plain) || rows == 0 && f.residual == op.NoResidual {
					continue
				}
				name := fmt.Sprintf("linear/%d to %d %v/%s of %d rows", l.in, l.out, l.weight, f.name, rows)
				cases = append(cases, numeric(name, func(s source) sample {
					o := &op.Linear{Weight: s.weight(l.weight, max(l.in, 1), l.out, l.in)}
					if !f.plain {
						o.Epilogue = s.epilogue(l.out, f.residual, f.act)
					}
					in := []*tensor.Tensor{s.normal(rows, l.in)}
					if f.residual == op.SameResidual {
						in = append(in, s.normal(rows, l.out))
					}
					return one(o, in...)
				}))
			}
		}
	}
	return append(cases, numeric("linear/sigmoid without bias", func(s source) sample {
		o := &op.Linear{Weight: s.weight(tensor.Float32, 11, 23, 11), Epilogue: op.Epilogue{Act: op.Sigmoid}}
		return one(o, s.normal(5, 11))
	}))
}
