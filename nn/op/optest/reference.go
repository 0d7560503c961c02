package optest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// Reference returns a backend that runs every operator by the loop of its
// formula. Sums are float64; values between operators are rounded to float32,
// because that is what operators are defined on: where a decision hangs on a
// number (which boxes to keep), the order of float32 operations is
// torchvision's. It is slow, and it allocates.
func Reference() op.Backend { return &reference{"reference", evaluate} }

// evaluator computes out from in with one operator; types and shapes fit.
// Rows that are not counted may be anything.
type evaluator func(o op.Op, out, in []*tensor.Tensor) error

// evaluate has one line per operator. It returns an error for an operator
// that it does not know.
func evaluate(o op.Op, out, in []*tensor.Tensor) error {
	switch o := o.(type) {
	case *op.Conv2d:
		conv2d(o, out[0], in[0], residual(&o.Epilogue, in))
	case *op.ConvTranspose2d:
		convTranspose2d(o, out[0], in[0], residual(&o.Epilogue, in))
	case *op.Linear:
		linear(o, out[0], in[0], residual(&o.Epilogue, in))
	case *op.BatchNorm2d:
		batchNorm2d(o, out[0], in[0])
	case *op.GroupNorm:
		groupNorm(o, out[0], in[0], residual(&o.Epilogue, in))
	case *op.Activation:
		activation(o, out[0], in[0])
	case *op.Add:
		add(out[0], in[0], in[1])
	case *op.Mul:
		mul(out[0], in[0], in[1])
	case *op.MaxPool2d:
		maxPool2d(o, out[0], in[0])
	case *op.GlobalAvgPool2d:
		globalAvgPool2d(out[0], in[0])
	case *op.L2Norm:
		l2Norm(o, out[0], in[0])
	case *op.SSDDetections:
		ssdDetections(o, batchedNMS, out, in)
	case *op.Flatten:
		copy(out[0].Bytes(), in[0].Bytes())
	case *op.Upsample:
		upsample(o, out[0], in[0])
	case *op.Concat:
		concat(out[0], in)
	case *op.LayerNorm:
		layerNorm(o, out[0], in[0])
	case *op.Attention:
		attention(o, out[0], in[0])
	case *op.Tokens:
		tokens(o, out[0], in[0])
	case *op.Select:
		selectPixel(o, out[0], in[0])
	case *op.Preprocess:
		preprocess(o, out[0], out[1], in[0], in[1])
	case *op.RoIAlign:
		roiAlign(o, out[0], in[0], in[1], in[2:])
	case *op.Proposals:
		proposals(o, batchedNMS, out, in)
	case *op.Detections:
		detections(o, batchedNMS, out, in)
	case *op.DenseDetections:
		denseDetections(o, batchedNMS, out, in)
	case *op.MaskSelect:
		maskSelect(out[0], in[0], in[1], in[2])
	case *op.MaskPaste:
		maskPaste(o, out[0], in[0], in[1], in[2].Shape()[3])
	case *op.Keypoints:
		keypoints(o, out[0], in[0], in[1], in[2])
	default:
		return &op.UnsupportedError{Backend: "reference", Missing: []string{o.Name()}}
	}
	return nil
}

type reference struct {
	name string
	eval evaluator
}

func (r *reference) Name() string { return r.name }

func (r *reference) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	var missing []string
	m := &model{eval: r.eval, profile: o.Profile, graph: op.Graph{
		Inputs: slices.Clone(g.Inputs), Nodes: slices.Clone(g.Nodes), Outputs: slices.Clone(g.Outputs), Values: g.Values,
	}}
	for _, n := range g.Nodes {
		ws, known := weights(n.Op)
		if !known {
			missing = append(missing, fmt.Sprintf("%s: %s", n.Path, n.Op.Name()))
		}
		for _, w := range ws {
			m.bytes += int64(len(w.Bytes()))
		}
	}
	if o.ArenaBytes > 0 {
		m.alone = make(chan struct{}, 1)
	}
	if missing != nil {
		return nil, &op.UnsupportedError{Backend: r.name, Missing: missing}
	}
	return m, nil
}

// weights returns the tensors of an operator, and whether it is one of
// package op.
func weights(o op.Op) (ws []*tensor.Tensor, known bool) {
	switch o := o.(type) {
	case *op.Conv2d:
		return []*tensor.Tensor{o.Weight}, true
	case *op.ConvTranspose2d:
		return []*tensor.Tensor{o.Weight}, true
	case *op.Linear:
		return []*tensor.Tensor{o.Weight}, true
	case *op.BatchNorm2d:
		return []*tensor.Tensor{o.Weight, o.Bias, o.Mean, o.Var}, true
	case *op.L2Norm:
		return []*tensor.Tensor{o.Weight}, true
	case *op.SSDDetections:
		return nil, true
	case *op.LayerNorm:
		return []*tensor.Tensor{o.Weight, o.Bias}, true
	case *op.Tokens:
		return []*tensor.Tensor{o.Class, o.Positions}, true
	case *op.Attention, *op.Select:
		return nil, true
	case *op.Activation, *op.Add, *op.Mul, *op.MaxPool2d, *op.GlobalAvgPool2d, *op.Flatten, *op.Upsample, *op.Concat,
		*op.Preprocess, *op.RoIAlign, *op.Proposals, *op.Detections,
		*op.GroupNorm, *op.DenseDetections, *op.MaskSelect, *op.MaskPaste, *op.Keypoints:
		return nil, true
	}
	return nil, false
}

type model struct {
	graph   op.Graph
	eval    evaluator
	profile *op.Profile
	bytes   int64

	running sync.RWMutex // read-locked by runs
	closed  bool
	alone   chan struct{} // holds a token while a run has all the memory; nil without a limit
}

func (m *model) Bytes() int64 { return m.bytes }

func (m *model) Close() error {
	m.running.Lock()
	defer m.running.Unlock()
	m.closed = true
	return nil
}

func (m *model) Program(in ...tensor.Shape) (op.Program, error) {
	m.running.RLock()
	defer m.running.RUnlock()
	if m.closed {
		return nil, op.ErrClosed
	}
	specs, err := m.graph.Infer(in...)
	if err != nil {
		return nil, err
	}
	return &program{m, specs, m.graph.CountedRows()}, nil
}

type program struct {
	model   *model
	specs   []op.Spec
	counted []op.Value
}

func (p *program) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	p.model.running.RLock()
	defer p.model.running.RUnlock()
	g := &p.model.graph
	if p.model.closed {
		return op.ErrClosed
	}
	inputs := make([]op.Value, len(g.Inputs))
	for i, x := range g.Inputs {
		inputs[i] = x.Value
	}
	if err := p.fit("input", in, inputs); err != nil {
		return err
	}
	if err := p.fit("output", out, g.Outputs); err != nil {
		return err
	}
	if p.model.alone != nil && len(g.Nodes) > 0 {
		// Every run takes more than any limit, and goes alone.
		select {
		case p.model.alone <- struct{}{}:
			defer func() { <-p.model.alone }()
		case <-ctx.Done():
			return &op.StepError{Path: g.Nodes[0].Path, Op: g.Nodes[0].Op.Name(), Err: ctx.Err()}
		}
	}
	values := make([]*tensor.Tensor, g.Values)
	for i, v := range inputs {
		values[v] = in[i]
	}
	for _, n := range g.Nodes {
		if err := p.step(ctx, n, values); err != nil {
			return &op.StepError{Path: n.Path, Op: n.Op.Name(), Err: err}
		}
	}
	for i, v := range g.Outputs {
		copy(out[i].Bytes(), values[v].Bytes())
		if c := p.counted[v]; c >= 0 {
			clearRows(out[i], sum(values[c]))
		}
	}
	return nil
}

func (p *program) step(ctx context.Context, n op.Node, values []*tensor.Tensor) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, out := make([]*tensor.Tensor, len(n.In)), make([]*tensor.Tensor, len(n.Out))
	for i, v := range n.In {
		in[i] = values[v]
	}
	for i, v := range n.Out {
		if out[i], err = tensor.New(p.specs[v].DType, p.specs[v].Shape...); err != nil {
			return err
		}
		values[v] = out[i]
	}
	start := time.Now()
	err = p.model.eval(n.Op, out, in)
	if p.model.profile != nil {
		p.model.profile.Add(n.Path, n.Op.Name(), "loop", time.Since(start))
	}
	return err
}

// fit returns an error unless ts are of the types and shapes of vs.
func (p *program) fit(kind string, ts []*tensor.Tensor, vs []op.Value) error {
	if len(ts) != len(vs) {
		return &op.OperandError{Kind: kind, Index: -1, Got: fmt.Sprint(len(ts)), Want: fmt.Sprint(len(vs))}
	}
	for i, t := range ts {
		want := p.specs[vs[i]]
		switch {
		case t == nil:
			return &op.OperandError{Kind: kind, Index: i, Got: "nil", Want: want.String()}
		case !want.Equal(op.Spec{DType: t.DType(), Shape: t.Shape()}):
			return &op.OperandError{Kind: kind, Index: i, Got: t.String(), Want: want.String()}
		case len(t.Bytes()) == 0 && t.Len() > 0:
			return &op.OperandError{Kind: kind, Index: i, Got: "an outline", Want: want.String()}
		}
	}
	return nil
}

// rows returns how many places are used in each picture, at most capacity.
func rows(count *tensor.Tensor, capacity int) []int {
	used := make([]int, count.Len())
	for n, c := range data[int32](count) {
		used[n] = min(max(int(c), 0), capacity)
	}
	return used
}

func sum(count *tensor.Tensor) (total int) {
	for _, c := range data[int32](count) {
		total += max(int(c), 0)
	}
	return total
}

// clearRows sets row from and all after it to zero.
func clearRows(t *tensor.Tensor, from int) {
	from = min(from, t.Shape()[0])
	clear(t.Bytes()[from*t.Shape()[1:].Len()*t.DType().Size():])
}
