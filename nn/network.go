package nn

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/argand-go/argand/nn/internal/graph"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// Network is a network compiled for one backend, ready to run at any shape.
// It is safe for concurrent use.
type Network struct {
	graph *op.Graph
	model op.Model
	taps  []Tap
}

// An Option changes how [Compile] loads a network.
type Option func(*options)

type options struct {
	op.Options
	taps []string // paths of layers
}

// WithThreads limits the threads that one run uses. The default, 0, is as many
// as Go runs at once. Results do not depend on it.
func WithThreads(n int) Option { return func(o *options) { o.Threads = n } }

// WithPrecision says how exact arithmetic must be; the default is
// [op.Float32]. A backend that has not the precision refuses the network with
// an [*op.UnsupportedError].
func WithPrecision(p op.Precision) Option { return func(o *options) { o.Precision = p } }

// WithArenaBytes limits the memory that all runs in progress use together for
// values between layers; see [op.Options]. The default, 0, is no limit.
func WithArenaBytes(n int64) Option { return func(o *options) { o.ArenaBytes = n } }

// WithProfile adds the time of every step to p.
func WithProfile(p *op.Profile) Option { return func(o *options) { o.Profile = p } }

// Compile traces m, fuses it and loads it on b. The network has one float32
// input and one output. Compile returns a [*StateDictError] if m was built
// from weights that did not fit, an [*op.UnsupportedError] if b lacks an
// operator, or the context's error.
func Compile(ctx context.Context, b op.Backend, m Module, opts ...Option) (*Network, error) {
	f := func(in ...Value) []Value { return []Value{m.Forward(in[0])} }
	return CompileFunc(ctx, b, []tensor.DType{tensor.Float32}, f, opts...)
}

// CompileFunc is [Compile] for networks with several inputs, of the given
// types, or several outputs.
func CompileFunc(
	ctx context.Context, b op.Backend, inputs []tensor.DType, f func(in ...Value) []Value, opts ...Option,
) (*Network, error) {
	g, err := Trace(inputs, f)
	if err != nil {
		return nil, err
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	taps := tap(g, o.taps)
	if g, err = graph.Fuse(g); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	g = graph.Narrow(g)
	model, err := b.Load(ctx, g, o.Options)
	if err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	return &Network{g.Outline(), model, taps}, nil
}

// Trace records f without fusing it, for tests of backends and for tools.
func Trace(inputs []tensor.DType, f func(in ...Value) []Value) (*op.Graph, error) {
	t := &graph.Trace{}
	in := make([]Value, len(inputs))
	for i, d := range inputs {
		if !d.Valid() {
			return nil, fmt.Errorf("nn: input %d: %w", i, &tensor.DTypeError{DType: d, Want: "a valid type"})
		}
		in[i] = Value{t, t.Input(d)}
	}
	for _, v := range f(in...) {
		if v.trace != t {
			t.Fail(errors.Join(errNoTrace, errors.New("nn: an output does not depend on the network's inputs")))
		}
		t.Graph.Outputs = append(t.Graph.Outputs, v.id)
	}
	if t.Err != nil {
		return nil, t.Err
	}
	if err := t.Graph.Validate(); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	return &t.Graph, nil
}

// Outputs returns the type and shape of each output for inputs of the given
// shapes, or an [*op.ShapeError] that names the layer they do not fit.
func (n *Network) Outputs(in ...tensor.Shape) ([]op.Spec, error) {
	specs, err := n.graph.Infer(in...)
	if err != nil {
		return nil, err
	}
	out := make([]op.Spec, len(n.graph.Outputs))
	for i, v := range n.graph.Outputs {
		out[i] = specs[v]
	}
	return out, nil
}

// Run runs the network and returns its outputs in new tensors. Errors are
// those of [op.Program]'s RunInto and of [Network.Outputs].
func (n *Network) Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	shapes, err := shapesOf("input", in)
	if err != nil {
		return nil, err
	}
	specs, err := n.Outputs(shapes...)
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(specs))
	for i, s := range specs {
		if out[i], err = tensor.New(s.DType, s.Shape...); err != nil {
			return nil, err
		}
	}
	if err := n.RunInto(ctx, out, in); err != nil {
		return nil, err
	}
	return out, nil
}

// RunInto runs the network and writes its outputs into out, tensors of the
// types and shapes that [Network.Outputs] tells. See [op.Program] for the
// errors and the rules.
func (n *Network) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	shapes, err := shapesOf("input", in)
	if err != nil {
		return err
	}
	if _, err = shapesOf("output", out); err != nil {
		return err
	}
	p, err := n.model.Program(shapes...)
	if err != nil {
		return err
	}
	return p.RunInto(ctx, out, in)
}

// Program returns the backend's program for inputs of the given shapes, for what
// a backend offers beyond [op.Program], such as to run on memory of a device.
// Errors are those of [op.Model].
func (n *Network) Program(in ...tensor.Shape) (op.Program, error) { return n.model.Program(in...) }

func shapesOf(kind string, ts []*tensor.Tensor) ([]tensor.Shape, error) {
	shapes := make([]tensor.Shape, len(ts))
	for i, t := range ts {
		if t == nil {
			return nil, &op.OperandError{Kind: kind, Index: i, Got: "nil", Want: "a tensor"}
		}
		shapes[i] = t.Shape()
	}
	return shapes, nil
}

// Graph returns the fused graph, with outlines of the weights. The caller must
// not change it.
func (n *Network) Graph() *op.Graph { return n.graph }

// Dump writes the fused graph, a node a line.
func (n *Network) Dump(w io.Writer) error { return graph.Dump(w, n.graph) }

// Bytes returns how much memory of the device the weights take.
func (n *Network) Bytes() int64 { return n.model.Bytes() }

// Close frees the network. Runs in progress finish first; later ones return
// [op.ErrClosed].
func (n *Network) Close() error { return n.model.Close() }
