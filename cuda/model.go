//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A model is a loaded network.
type model struct {
	backend *Backend
	graph   op.Graph
	options op.Options
	weights []weights      // per node
	packed  *driver.Buffer // all of them
	arenas  arenas

	running sync.RWMutex // held for reading by runs
	closed  atomic.Bool

	programs op.Programs[*program]
}

func newModel(b *Backend, g *op.Graph, o op.Options) *model {
	m := &model{backend: b, options: o, graph: *g}
	m.graph.Inputs = slices.Clone(g.Inputs)
	m.graph.Nodes = slices.Clone(g.Nodes)
	m.graph.Outputs = slices.Clone(g.Outputs)
	for i := range m.graph.Nodes {
		n := &m.graph.Nodes[i]
		n.In, n.Out = slices.Clone(n.In), slices.Clone(n.Out)
	}
	m.arenas.context, m.arenas.limit, m.arenas.memory = b.context, o.ArenaBytes, &b.memory
	b.memory.add(&m.arenas)
	return m
}

// prepare packs all weights and brings them to the device.
func (m *model) prepare(ctx context.Context) error {
	p := newPacker(m.options.Precision)
	p.rows = m.backend.engines.outputRows()
	for _, n := range m.graph.Nodes {
		w, err := p.weights(n.Op)
		if err != nil {
			return fmt.Errorf("%s: %w", n.Path, err)
		}
		m.weights = append(m.weights, w)
	}
	err := m.backend.memory.try(ctx, nil, func() (err error) {
		m.packed, err = p.pack(ctx, m.backend.context)
		return err
	})
	if err != nil {
		return err
	}
	m.graph = *m.graph.Outline() // the checkpoint's memory has had its use
	return nil
}

// Bytes implements [op.Model].
func (m *model) Bytes() int64 { return m.packed.Size() }

// capacity returns how many bytes of the device's memory a run can have at most,
// and whether it is the limit that leaves no more.
func (m *model) capacity() (bytes int64, limited bool) {
	c := m.backend.context
	if c.Limit > 0 && c.Limit < c.Device.Bytes {
		return c.Limit - m.packed.Size(), true
	}
	return c.Device.Bytes - m.packed.Size(), false
}

// Program implements [op.Model]. An [*ArenaError] says that the inputs are too
// large for the device.
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
	m.backend.memory.remove(&m.arenas)
	err := m.arenas.close()
	if m.packed != nil {
		err = errors.Join(err, m.packed.Close())
	}
	return err
}
