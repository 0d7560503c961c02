package optest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// RunAt is [Run] with all networks loaded at a precision. The reference is exact
// as before: inputs and weights are not rounded for it. See the package's comment
// for how far results may be from it. It leaves out a dozen of the largest cases,
// whose layers it runs with one epilogue instead of two or three.
func RunAt(t *testing.T, b op.Backend, p op.Precision, unsupported ...string) {
	t.Helper()
	runAll(t, &lower{b, p}, leftOut, unsupported)
}

// leftOut are the cases that RunAt leaves out.
var leftOut = []string{
	"conv2d/256 to 256 k3x3 p1x1 on 7x7/plain",
	"conv2d/512 to 512 k3x3 p1x1 on 3x4/plain",
	"conv2d/512 to 512 k3x3 s2x2 p1x1 on 7x6/plain",
	"conv2d/512 to 512 k3x3 s2x2 p1x1 on 7x6/same relu",
	"conv2d/512 to 2048 k1x1 on 3x5/plain",
	"conv2d/2048 to 512 k1x1 on 4x5/plain",
	"linear/12544 to 67 float32/plain of 1 rows",
	"linear/12544 to 67 float32/bias relu of 1 rows",
	"linear/2048 to 1000 float32/plain of 1 rows",
	"linear/2048 to 1000 float32/bias relu of 1 rows",
	"linear/1024 to 364 float16/plain of 1 rows",
	"linear/1024 to 364 float16/bias relu of 17 rows",
	"detections/overlap within the rounding of the shift, class by class",
	"normalize/short and long", // of lengths that float16 has not
}

// lower loads networks at a precision.
type lower struct {
	op.Backend
	precision op.Precision
}

func (b *lower) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	o.Precision = b.precision
	return b.Backend.Load(ctx, g, o)
}

// precisionOf returns the precision that networks are loaded at.
func precisionOf(b op.Backend) op.Precision {
	if l, ok := b.(*lower); ok {
		return l.precision
	}
	return op.Float32
}

// unit returns the greatest relative error of a number that is rounded to what a
// precision computes with, 2⁻ᵇ for b significant bits.
func unit(p op.Precision) float64 {
	switch p {
	case op.TensorFloat32, op.Float16:
		return 0x1p-11
	case op.BFloat16:
		return 0x1p-8
	}
	return 0x1p-24
}

// roundings is how many times the greatest error of one rounding a result may be
// off. In a layer x, w, y and a residual are rounded, each with an error that is
// 0.43 of the greatest in the mean, of either sign; this allows for six times
// that for one number of thousands.
const roundings = 6

// least is half of the least float16: what differs by less does not count.
const least = 0x1p-25

// at returns the tolerance for a graph that rounds, at a precision.
func (t tolerance) at(p op.Precision) tolerance {
	if t == (tolerance{}) {
		return t
	}
	allowed := roundings * unit(p)
	return tolerance{rms: t.rms + allowed, max: t.max + allowed, zeros: t.zeros}
}

// rounds reports whether anything in a graph is less exact than float32. Selecting
// operators and those of pictures never are, nor, where only factors of products
// are rounded, those that have none.
func rounds(p op.Precision, g *op.Graph) bool {
	for _, n := range g.Nodes {
		switch n.Op.(type) {
		case *op.Conv2d, *op.ConvTranspose2d, *op.Linear, *op.Attention:
			return p != op.Float32
		case *op.L2Norm,
			*op.Add, *op.Mul, *op.BatchNorm2d, *op.GroupNorm, *op.Activation, *op.MaxPool2d, *op.GlobalAvgPool2d, *op.Flatten,
			*op.Upsample, *op.Concat, *op.LayerNorm, *op.Tokens, *op.Select, *op.RoIAlign:
			if p == op.BFloat16 || p == op.Float16 {
				return true
			}
		}
	}
	return false
}

// compareAt compares the results of a graph at a precision. Numbers that would
// have to be equal may be off by one rounding if the graph rounds.
func (t tolerance) compareAt(p op.Precision, g *op.Graph, got, want []*tensor.Tensor) error {
	if !rounds(p, g) {
		return compareAll(t, got, want)
	}
	near := slices.Clone(got) // with what is wanted in the place of what is near enough
	for i := range want {
		if want[i].DType() != tensor.Float32 || got[i].DType() != tensor.Float32 || !got[i].Shape().Equal(want[i].Shape()) {
			continue
		}
		near[i] = got[i].Clone()
		a := floats(near[i])
		for k, b := range floats(want[i]) {
			allowed := least
			if t == (tolerance{}) {
				allowed += unit(p) * math.Abs(float64(b))
			}
			if math.Abs(float64(a[k])-float64(b)) <= allowed {
				a[k] = b
			}
		}
	}
	return compareAll(t.at(p), near, want)
}

// inRange moves finite numbers beyond what a precision has to the greatest: what
// becomes of an infinity behind an operator is another matter.
func inRange(p op.Precision, ts []*tensor.Tensor) []*tensor.Tensor {
	const greatest = 65504
	if p != op.Float16 {
		return ts
	}
	out := make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		if out[i] = t; t.DType() != tensor.Float32 {
			continue
		}
		out[i] = t.Clone()
		for k, v := range floats(out[i]) {
			if !math.IsInf(float64(v), 0) && !isNaN(v) {
				floats(out[i])[k] = min(max(v, -greatest), greatest)
			}
		}
	}
	return out
}

// nodeByNode holds each node of a network against the reference, given the
// operands that the backend has made itself: in a lower precision two logits that
// are almost equal may change places, and then all behind them is of other boxes.
func nodeByNode(b op.Backend, t tolerance, x sample) error {
	g := *x.graph
	g.Outputs = nil
	for v := range g.Values {
		g.Outputs = append(g.Outputs, op.Value(v))
	}
	values, err := runOnce(b, op.Options{}, sample{&g, x.in})
	if err != nil {
		return err
	}
	counted := g.CountedRows()
	var errs []error
	for _, n := range g.Nodes {
		in := make([]*tensor.Tensor, len(n.In))
		got, want := make([]*tensor.Tensor, len(n.Out)), make([]*tensor.Tensor, len(n.Out))
		for i, v := range n.In {
			in[i] = values[v]
		}
		for i, v := range n.Out {
			got[i] = values[v]
			want[i] = empty(got[i].DType(), got[i].Shape()...)
		}
		if err := evaluate(n.Op, want, in); err != nil {
			return err
		}
		for i, v := range n.Out {
			if c := counted[v]; c >= 0 {
				clearRows(want[i], sum(values[c]))
			}
		}
		if err := t.compareAt(precisionOf(b), &op.Graph{Nodes: []op.Node{n}}, got, want); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", n.Path, err))
		}
	}
	return errors.Join(errs...)
}
