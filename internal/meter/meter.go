package meter

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A Layer is what one layer of a network did in the runs since the last
// [Meter.Take]. A layer that is applied several times, as a detector's RPN is
// to every level of a pyramid, is one Layer.
type Layer struct {
	Path   string        // in the network, "layer1.0.conv1"; empty for inputs and outputs
	Op     string        // operator, "conv2d"
	Kernel string        // what the backend ran, may be ""
	Runs   int           // how often the layer was applied
	Time   time.Duration // in all
	FLOPs  int64         // floating-point operations in all, as op.FLOPs counts them
}

// Meter is a backend that measures what another one does. It is safe for
// concurrent use.
type Meter struct {
	backend op.Backend
	profile op.Profile

	mu    sync.Mutex
	order []key               // layers in the order of the graph
	flops map[key]int64       // since the last Take
	taken map[key]op.StepTime // what the profile had then
}

// A key is what op.Profile tells layers apart by.
type key struct{ path, op string }

// New returns a meter for networks that are loaded on b. Layers of the same
// name of several networks are counted together.
func New(b op.Backend) *Meter {
	return &Meter{backend: b, flops: map[key]int64{}, taken: map[key]op.StepTime{}}
}

// Name implements [op.Backend]; it is the other backend's.
func (m *Meter) Name() string { return m.backend.Name() }

// Load implements [op.Backend]. A profile that o has already is replaced.
func (m *Meter) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	watched := *g
	watched.Nodes = slices.Clone(g.Nodes)
	watched.Outputs = slices.Clone(g.Outputs)
	rows := g.CountedRows()
	counts := slices.DeleteFunc(slices.Clone(rows), func(v op.Value) bool { return v < 0 })
	slices.Sort(counts)
	counts = slices.Compact(counts)
	watched.Outputs = append(watched.Outputs, counts...)
	o.Profile = &m.profile
	inner, err := m.backend.Load(ctx, &watched, o)
	if err != nil {
		return nil, err
	}
	watched = *watched.Outline() // the backend may let go of the checkpoint
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range g.Nodes {
		if k := (key{n.Path, n.Op.Name()}); !slices.Contains(m.order, k) {
			m.order = append(m.order, k)
		}
	}
	return &model{inner, m, &watched, rows, counts}, nil
}

// Take returns the layers that ran since the last Take, in the order of the
// network, and forgets them. Layers that were fused into others have no time of
// their own and are not among them. Runs must not be in progress.
func (m *Meter) Take() []Layer {
	m.mu.Lock()
	defer m.mu.Unlock()
	var layers []Layer
	for _, s := range m.profile.Steps() {
		k := key{s.Path, s.Op}
		before := m.taken[k]
		m.taken[k] = s
		if runs := s.Runs - before.Runs; runs > 0 {
			layers = append(layers, Layer{s.Path, s.Op, s.Kernel, runs, s.Total - before.Total, m.flops[k]})
		}
	}
	clear(m.flops)
	// A step that the backend adds to a layer stands behind it, whichever took longer.
	place := func(l Layer) (at, behind int) {
		if at := slices.Index(m.order, key{l.Path, l.Op}); at >= 0 || l.Op == "input" {
			return at, 0
		}
		if at := slices.IndexFunc(m.order, func(k key) bool { return k.path == l.Path }); at >= 0 {
			return at, 1
		}
		return len(m.order), 0
	}
	slices.SortStableFunc(layers, func(a, b Layer) int {
		atA, behindA := place(a)
		atB, behindB := place(b)
		return cmp.Or(cmp.Compare(atA, atB), cmp.Compare(behindA, behindB))
	})
	return layers
}

// A model is a loaded network that is watched.
type model struct {
	op.Model
	meter  *Meter
	graph  *op.Graph  // with counts as its last outputs
	rows   []op.Value // per value what counts its rows, or −1
	counts []op.Value
}

// Program implements [op.Model].
func (m *model) Program(in ...tensor.Shape) (op.Program, error) {
	p, err := m.Model.Program(in...)
	if err != nil {
		return nil, err
	}
	specs, err := m.graph.Infer(in...)
	if err != nil {
		return nil, err
	}
	return &program{p, m, specs}, nil
}

// A program is planned for shapes.
type program struct {
	op.Program
	model *model
	specs []op.Spec // per value
}

// RunInto implements [op.Program].
func (p *program) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	out = slices.Clip(out)
	counts := map[op.Value]*tensor.Tensor{}
	for _, v := range p.model.counts {
		t, err := tensor.New(p.specs[v].DType, p.specs[v].Shape...)
		if err != nil {
			return err
		}
		counts[v] = t
		out = append(out, t)
	}
	if err := p.Program.RunInto(ctx, out, in); err != nil {
		return err
	}
	specs, err := p.meaningful(counts)
	if err != nil {
		return err
	}
	p.model.meter.add(p.model.graph, specs)
	return nil
}

// meaningful returns the specs with no more rows than were counted.
func (p *program) meaningful(counts map[op.Value]*tensor.Tensor) ([]op.Spec, error) {
	specs := slices.Clone(p.specs)
	for v, c := range p.model.rows {
		if c < 0 || len(specs[v].Shape) == 0 {
			continue
		}
		n, err := tensor.Data[int32](counts[c])
		if err != nil {
			return nil, err
		}
		total := 0
		for _, rows := range n {
			total += max(int(rows), 0)
		}
		specs[v].Shape = specs[v].Shape.Clone()
		specs[v].Shape[0] = min(total, specs[v].Shape[0])
	}
	return specs, nil
}

// add counts the operations of one run.
func (m *Meter) add(g *op.Graph, specs []op.Spec) {
	of := func(values []op.Value) []op.Spec {
		list := make([]op.Spec, len(values))
		for i, v := range values {
			list[i] = specs[v]
		}
		return list
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range g.Nodes {
		m.flops[key{n.Path, n.Op.Name()}] += op.FLOPs(n.Op, of(n.In), of(n.Out))
	}
}
