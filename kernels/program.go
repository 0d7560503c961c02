package kernels

import (
	"slices"
	"strconv"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A program is a model planned for input shapes: steps, and where in an arena
// they find their values. It does not change once planned.
type program struct {
	model   *model
	inputs  []op.Spec
	outputs []op.Spec
	steps   []step
	floats  int // length of the arena
}

// A step is a kernel and what its errors and times are reported under.
type step struct {
	path, op string
	name     string // of the kernel, "tile_12x32_avx512"
	kernel   kernel
	rows     int    // rows of the output
	count    *value // counts them, nil if all rows are meaningful
	begins   bool   // the next step ends what this one begins: profiles have one time for both
}

// A kernel is the work of one step, divided into items that may be done in any
// order and at once.
type kernel interface {
	// items returns how many there are for the given number of rows of output.
	items(rows int) int
	// do does item i.
	do(l *lane, rows, i int)
}

// A value is a float32 image, or numbers of any type and shape, in an arena.
type value struct {
	spec op.Spec

	// An image (N, C, H, W) or matrix (N, C) of float32 has its channels at
	// off + ((n·h+y)·w+x)·stride. Other values are row-major: as images they
	// are n = N rows of 1×1 pixels and c = stride channels.
	n, h, w, c int
	stride     int

	off         int    // where it begins, in floats, once it is placed
	root        *value // whose memory it shares, nil if it has its own
	first, last int    // steps that it must be there for
}

// strideFor returns the distance between pixels of c channels: c rounded up
// to whole cache lines unless it is small, and off the multiples of 2 KiB at
// which the pixels of a tile would fall into the same few sets of the cache.
func strideFor(c int) int {
	if c < 32 {
		return c
	}
	s := (c + 15) &^ 15
	if s%512 == 0 {
		s += 16
	}
	return s
}

func newValue(s op.Spec) *value {
	v := &value{spec: s, n: 1, h: 1, w: 1, first: -1}
	if len(s.Shape) > 0 {
		v.n, v.c = s.Shape[0], s.Shape[1:].Len()
	} else {
		v.c = 1
	}
	v.stride = v.c
	if s.DType != tensor.Float32 {
		return v
	}
	switch len(s.Shape) {
	case 2:
		v.stride = strideFor(v.c)
	case 4:
		v.c, v.h, v.w = s.Shape[1], s.Shape[2], s.Shape[3]
		v.stride = strideFor(v.c)
	}
	return v
}

// floats returns how much of an arena v takes, in units of 4 bytes.
func (v *value) floats() int {
	if v.spec.DType == tensor.Float32 {
		return v.n * v.h * v.w * v.stride
	}
	return (v.spec.Shape.Len()*v.spec.DType.Size() + 3) / 4
}

// at returns where pixel (y, x) of image n begins.
func (v *value) at(n, y, x int) int { return v.off + ((n*v.h+y)*v.w+x)*v.stride }

// dense reports whether the pixels of an image follow each other without gaps.
func (v *value) dense() bool { return v.stride == v.c }

// A planner makes a program.
type planner struct {
	model     *model
	program   *program
	specs     []op.Spec
	values    []*value // by op.Value; nil for those not made yet or not needed
	memory    []*value // values and scratch that need a place
	touched   []*value // by the node being planned
	flattenOf map[op.Value]*op.Node
}

func (m *model) plan(in []tensor.Shape) (*program, error) {
	g := &m.graph
	specs, err := g.Infer(in...)
	if err != nil {
		return nil, err
	}
	p := &planner{
		model: m, program: &program{model: m}, specs: specs,
		values: make([]*value, g.Values), flattenOf: make(map[op.Value]*op.Node),
	}
	tooLarge := &op.ShapeError{Op: "network", Want: "inputs whose values between layers can be addressed"}
	for _, s := range specs {
		if int64(s.Shape.Len())*int64(s.DType.Size()) > maxBytes {
			tooLarge.In = append(tooLarge.In, s)
			return nil, tooLarge
		}
	}
	for _, x := range g.Inputs {
		p.program.inputs = append(p.program.inputs, specs[x.Value])
	}
	for i, x := range g.Inputs {
		v := p.make(x.Value)
		p.emit("", "input", "", v, p.importer(i, v))
		p.finish(len(p.program.steps)-1, op.Node{Out: []op.Value{x.Value}})
	}
	for i := range g.Nodes {
		if _, ok := g.Nodes[i].Op.(*op.Flatten); ok {
			p.flattenOf[g.Nodes[i].Out[0]] = &g.Nodes[i]
		}
		first := len(p.program.steps)
		p.step(i)
		p.finish(first, g.Nodes[i])
	}
	if !p.place() {
		tooLarge.In = p.program.inputs
		return nil, tooLarge
	}
	return p.program, nil
}

// finish ends the planning of a node: what it touches must be there from its
// first step on, and its outputs go to the tensors of the caller.
func (p *planner) finish(first int, n op.Node) {
	for i, v := range p.model.graph.Outputs {
		if slices.Contains(n.Out, v) {
			p.emit("", "output", "", p.use(v), p.exporter(i, p.use(v)))
			p.program.steps[len(p.program.steps)-1].count = p.count(v)
		}
	}
	last := len(p.program.steps) - 1
	for _, v := range p.touched {
		if v.first < 0 {
			v.first = first
		}
		v.last = max(v.last, last)
	}
	p.touched = p.touched[:0]
}

// use returns value v, which the node being planned reads.
func (p *planner) use(v op.Value) *value {
	x := p.values[v]
	p.touch(x)
	return x
}

func (p *planner) touch(v *value) {
	if v.root != nil {
		v = v.root
	}
	p.touched = append(p.touched, v)
}

// read returns operand i of n.
func (p *planner) read(n *op.Node, i int) *value { return p.use(n.In[i]) }

// write returns result i of n.
func (p *planner) write(n *op.Node, i int) *value { return p.make(n.Out[i]) }

func (p *planner) make(v op.Value) *value {
	x := newValue(p.specs[v])
	p.values[v] = x
	p.memory = append(p.memory, x)
	p.touch(x)
	return x
}

// scratch returns n floats for the node being planned.
func (p *planner) scratch(n int) *value {
	v := newValue(op.F32(1, 1, n)) // of three axes, so that it has no padding
	p.memory = append(p.memory, v)
	p.touch(v)
	return v
}

// count returns what counts the rows of v, nil if all are meaningful.
func (p *planner) count(v op.Value) *value {
	if c := p.model.counts[v]; c >= 0 {
		return p.use(c)
	}
	return nil
}

// addStep appends a step of n that makes rows of out.
func (p *planner) addStep(n *op.Node, name string, out *value, k kernel) {
	p.emit(n.Path, n.Op.Name(), name, out, k)
	p.program.steps[len(p.program.steps)-1].count = p.count(n.Out[0])
}

// emit appends a step whose rows are all meaningful.
func (p *planner) emit(path, op, name string, out *value, k kernel) {
	p.program.steps = append(p.program.steps, step{path: path, op: op, name: name, kernel: k, rows: out.n})
}

// maxBytes is far more than a machine has, and far less than a slice may have.
const maxBytes = 1 << min(46, strconv.IntSize-2)

// place gives every value its offset. It reports whether they fit in memory
// that a program can ask for.
func (p *planner) place() bool {
	spans := make([]op.Span, len(p.memory))
	for i, v := range p.memory {
		if n := v.floats(); n < 0 || n > maxBytes/4 {
			return false
		}
		spans[i] = op.Span{First: v.first, Last: v.last, Bytes: 4 * int64(v.floats()), Align: tensor.Alignment}
	}
	offsets, size := op.Place(spans)
	zeros := p.model.zeroRow()
	for i, v := range p.memory {
		v.off = zeros + int(offsets[i]/4)
	}
	for _, v := range p.values {
		if v != nil && v.root != nil {
			v.off = v.root.off
		}
	}
	if size > maxBytes {
		return false
	}
	p.program.floats = zeros + int((size+3)/4)
	for _, v := range p.model.graph.Outputs {
		p.program.outputs = append(p.program.outputs, p.specs[v])
	}
	return true
}
