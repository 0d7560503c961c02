package kernels

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A model is a loaded network.
type model struct {
	tier        *tile.Tier
	convolution Convolution
	graph       op.Graph
	options     op.Options
	weights     []*weights // per node, nil for operators without
	counts      []op.Value // per value, see [op.Graph.CountedRows]
	zeros       int        // floats of the longest row of zeros that padding needs
	bytes       int64
	memory      *memory
	arenas      arenas

	running sync.RWMutex // held for reading by runs
	closed  atomic.Bool

	programs op.Programs[*program]
}

func newModel(b *backend, g *op.Graph, o op.Options) *model {
	m := &model{tier: b.tier, convolution: b.convolution, options: o, counts: g.CountedRows(), memory: new(memory)}
	runtime.AddCleanup(m, (*memory).freeAll, m.memory) // of models that nobody closes
	m.graph = *g
	m.graph.Inputs = slices.Clone(g.Inputs)
	m.graph.Nodes = slices.Clone(g.Nodes)
	m.graph.Outputs = slices.Clone(g.Outputs)
	for i := range m.graph.Nodes {
		n := &m.graph.Nodes[i]
		n.In, n.Out = slices.Clone(n.In), slices.Clone(n.Out)
	}
	m.arenas.limit, m.arenas.memory = o.ArenaBytes, m.memory
	return m
}

// prepare packs all weights.
func (m *model) prepare(ctx context.Context) error {
	m.weights = make([]*weights, len(m.graph.Nodes))
	p := packer{model: m, packed: make(map[packKey]*panels)}
	maker := make([]op.Op, m.graph.Values)
	for i, n := range m.graph.Nodes {
		var absorbed op.Op // what made the image whose rows a linear layer reads
		if len(n.In) > 0 {
			if f, ok := maker[n.In[0]].(flattened); ok {
				absorbed = f.of
			}
		}
		var err error
		if m.weights[i], err = p.weights(n.Op, absorbed); err != nil {
			return fmt.Errorf("%s: %w", n.Path, err)
		}
		for _, v := range n.Out {
			maker[v] = n.Op
		}
		if _, ok := n.Op.(*op.Flatten); ok {
			maker[n.Out[0]] = flattened{n.Op, maker[n.In[0]]}
		}
	}
	m.arenas.zeros = m.zeroRow()
	if err := p.pack(ctx); err != nil {
		return err
	}
	m.graph = *m.graph.Outline() // the checkpoint's memory has had its use
	return nil
}

// flattened is a Flatten and the operator that made its operand.
type flattened struct {
	op.Op
	of op.Op
}

// zeroRow returns how many zeros every arena of the model begins with.
func (m *model) zeroRow() int { return (m.zeros + 15) &^ 15 }

// Bytes implements [op.Model].
func (m *model) Bytes() int64 { return m.bytes }

// Program implements [op.Model].
func (m *model) Program(in ...tensor.Shape) (op.Program, error) {
	if m.closed.Load() {
		return nil, op.ErrClosed
	}
	p, err := m.programs.For(in, m.plan)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Close implements [op.Model].
func (m *model) Close() error {
	if m.closed.Swap(true) {
		return op.ErrClosed
	}
	m.running.Lock() // runs in progress have it for reading
	defer m.running.Unlock()
	m.programs.Close()
	m.weights = nil
	m.arenas.clear()
	m.memory.freeAll()
	return nil
}
