package optest

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// builder makes a graph by hand.
type builder struct{ g op.Graph }

func (b *builder) input(d tensor.DType) op.Value {
	v := b.value()
	b.g.Inputs = append(b.g.Inputs, op.Input{Value: v, DType: d})
	return v
}

func (b *builder) add(path string, o op.Op, outputs int, in ...op.Value) []op.Value {
	out := make([]op.Value, outputs)
	for i := range out {
		out[i] = b.value()
	}
	b.g.Nodes = append(b.g.Nodes, op.Node{Path: path, Op: o, In: in, Out: out})
	return out
}

func (b *builder) output(vs ...op.Value) { b.g.Outputs = append(b.g.Outputs, vs...) }

func (b *builder) value() op.Value {
	b.g.Values++
	return op.Value(b.g.Values - 1)
}

// graph returns what was built, which has to be valid.
func (b *builder) graph() *op.Graph {
	if err := b.g.Validate(); err != nil {
		panic(err)
	}
	return &b.g
}

// one returns a sample of one operator alone.
func one(o op.Op, in ...*tensor.Tensor) sample {
	var b builder
	specs, values := make([]op.Spec, len(in)), make([]op.Value, len(in))
	for i, t := range in {
		specs[i] = op.Spec{DType: t.DType(), Shape: t.Shape()}
		values[i] = b.input(t.DType())
	}
	b.output(b.add("layer."+o.Name(), o, len(must(o.Infer(specs...))), values...)...)
	return sample{graph: b.graph(), in: in}
}
