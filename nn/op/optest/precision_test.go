package optest

import (
	"slices"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// roundedTo returns t rounded to what a precision computes with.
func roundedTo(p op.Precision, t *tensor.Tensor) *tensor.Tensor {
	v := slices.Clone(numbers(t))
	for i, x := range v {
		switch p {
		case op.BFloat16:
			v[i] = tensor.BHalfOf(x).Float32()
		case op.Float16:
			v[i] = tensor.HalfOf(x).Float32()
		case op.TensorFloat32:
			v[i] = floats(rounded(of([]float32{x}, 1), 13))[0]
		}
	}
	return of(v, t.Shape()...)
}

// atPrecision is the reference with numbers rounded as a backend of a precision has them: factors of products, a scale
// multiplied into the weight before, and, but for tf32, all maps.
func atPrecision(p op.Precision) op.Backend {
	scaled := func(w *tensor.Tensor, e *op.Epilogue, of func(i int) int) *tensor.Tensor {
		v := numbers(w)
		if e.Scale != nil {
			v = slices.Clone(v)
			for i := range v {
				v[i] = float32(float64(v[i]) * e.Scale[of(i)])
			}
			e.Scale = nil
		}
		return roundedTo(p, must(tensor.Of(v, w.Shape()...)))
	}
	return &reference{"rounded", func(o op.Op, out, in []*tensor.Tensor) error {
		product := true
		switch c := o.(type) {
		case *op.Conv2d:
			d := *c
			d.Weight = scaled(c.Weight, &d.Epilogue, func(i int) int { return i / c.Weight.Shape()[1:].Len() })
			o = &d
		case *op.ConvTranspose2d:
			d := *c
			s := c.Weight.Shape()
			d.Weight = scaled(c.Weight, &d.Epilogue, func(i int) int { return i / s[2:].Len() % s[1] })
			o = &d
		case *op.Linear:
			d := *c
			d.Weight = scaled(c.Weight, &d.Epilogue, func(i int) int { return i / c.Weight.Shape()[1] })
			o = &d
		default:
			if !rounds(op.BFloat16, &op.Graph{Nodes: []op.Node{{Op: o}}}) {
				return evaluate(o, out, in)
			}
			product = false
		}
		maps := p != op.TensorFloat32
		in = slices.Clone(in)
		for i, x := range in {
			_, pools := o.(*op.RoIAlign)
			if x.DType() == tensor.Float32 && (maps || product && i == 0) && !(pools && i == 0) {
				in[i] = roundedTo(p, x)
			}
		}
		if err := evaluate(o, out, in); err != nil {
			return err
		}
		for _, y := range out {
			if maps && y.DType() == tensor.Float32 {
				copy(floats(y), floats(roundedTo(p, y)))
			}
		}
		return nil
	}}
}

// precisions are those lower than float32.
var precisions = []op.Precision{op.TensorFloat32, op.BFloat16, op.Float16}

func TestReferenceAt(t *testing.T) {
	for _, p := range precisions {
		t.Run(p.String(), func(t *testing.T) { RunAt(t, atPrecision(p), p, "cost/no allocation after warm-up") })
	}
}

// TestBrokenOperatorsAreReportedAt has the least exact precision, where all mistakes have to be seen but those that are no
// greater than its rounding.
func TestBrokenOperatorsAreReportedAt(t *testing.T) {
	for _, m := range mutants {
		if m.name == "one wrong pixel" || m.name == "weights of 11 bits" {
			continue
		}
		t.Run(m.cases+m.name, func(t *testing.T) {
			if failed, ran := failures(&lower{m.backend, op.BFloat16}, m.cases); len(failed) == 0 {
				t.Fatalf("none of %d cases noticed", ran)
			}
		})
	}
}
