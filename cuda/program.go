//go:build linux && cgo && !nocuda

package cuda

import (
	"math"
	"slices"

	"github.com/argand-go/argand/cuda/internal/driver"
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
	bytes   int64 // of the arena

	in, out []staged
	staging int64 // bytes of the host's memory that these pass through
}

// staged is an input or an output as the host has it: in an arena, nil for an
// input that nothing reads, and in the memory of the host that the device reads
// and writes.
type staged struct {
	value  *value
	offset int64
}

// A step is a launch of a kernel of ours, or a call of a library, and what it is
// reported under.
type step struct {
	path, op, engine string // engine is "" for a kernel that is reported under its name

	kernel      *driver.Kernel // nil for a call
	grid, block [3]uint32
	arguments   []operand

	call call // nil for a launch
}

// A call is what a library does in a step.
type call interface {
	// submit submits it to a stream, and does not wait: streams may be recorded.
	submit(s *driver.Stream, arena *driver.Buffer) error
}

// name returns what does the step.
func (s *step) name() string {
	if s.engine != "" || s.kernel == nil {
		return s.engine
	}
	return s.kernel.Name
}

// An operand is an argument of a kernel, or several, known once there is an
// arena.
type operand interface {
	appendTo(list []driver.Argument, arena *driver.Buffer) []driver.Argument
}

// i32, i64 and pair are numbers; a pair is of two i32, vertical and horizontal.
type (
	i32  int
	i64  int64
	pair [2]int
)

func (n i32) appendTo(list []driver.Argument, _ *driver.Buffer) []driver.Argument {
	return append(list, driver.Int32(int32(n)))
}

func (n i64) appendTo(list []driver.Argument, _ *driver.Buffer) []driver.Argument {
	return append(list, driver.Int64(int64(n)))
}

func (n pair) appendTo(list []driver.Argument, _ *driver.Buffer) []driver.Argument {
	return append(list, driver.Int32(int32(n[0])), driver.Int32(int32(n[1])))
}

// packed is an address among the model's weights.
type packed struct {
	buffer *driver.Buffer
	offset int64
}

func (p packed) appendTo(list []driver.Argument, _ *driver.Buffer) []driver.Argument {
	return append(list, driver.Pointer(p.buffer, p.offset))
}

// A value is a map, or bytes as the host has them, in an arena.
type value struct {
	spec op.Spec

	// A map (N, C, H, W) has its channels at ((n·h+y)·w+x)·stride elements, with
	// zeros for those that there are not, up to a multiple of 16 bytes. A value of
	// another rank is n = N maps of one pixel.
	element    element
	n, h, w, c int
	stride     int

	bytes       int64
	off         int64  // where it begins, once it is placed
	root        *value // whose memory it shares, nil if it has its own
	first, last int    // steps that it must be there for
}

// appendTo appends where the value begins; nil is a null pointer.
func (v *value) appendTo(list []driver.Argument, arena *driver.Buffer) []driver.Argument {
	if v == nil {
		return append(list, driver.Pointer(nil, 0))
	}
	return append(list, driver.Pointer(arena, v.off))
}

func newValue(s op.Spec, e element) *value {
	v := &value{spec: s, element: e, n: 1, h: 1, w: 1, c: 1, first: -1}
	if len(s.Shape) > 0 {
		v.n, v.c = s.Shape[0], s.Shape[1:].Len()
	}
	if len(s.Shape) == 4 {
		v.c, v.h, v.w = s.Shape[1], s.Shape[2], s.Shape[3]
	}
	v.stride = round(v.c, e.lanes())
	v.bytes = int64(e.size()) * int64(v.pixels()) * int64(v.stride)
	return v
}

// newBytes returns a value as the host has it.
func newBytes(s op.Spec) *value { return &value{spec: s, bytes: sizeOf(s), first: -1} }

func sizeOf(s op.Spec) int64 { return int64(s.Shape.Len()) * int64(s.DType.Size()) }

// pixels returns how many there are in all maps.
func (v *value) pixels() int { return v.n * v.h * v.w }

// per returns how many times 16 bytes of channels a pixel has.
func (v *value) per() int { return v.stride / v.element.lanes() }

// size returns height and width.
func (v *value) size() pair { return pair{v.h, v.w} }

// vectors returns how many times 16 bytes there are.
func (v *value) vectors() int { return v.pixels() * v.per() }

// A planner makes a program.
type planner struct {
	model   *model
	program *program
	specs   []op.Spec
	maps    []element           // by op.Value
	values  []*value            // by op.Value; nil for those not made yet or not needed
	copies  map[op.Value]*value // with another element
	memory  []*value            // what needs a place

	// Of the node being planned: what steps are reported under, and what it uses.
	path, op string
	touched  []*value

	err error // that planning a node ended with
}

func (m *model) plan(in []tensor.Shape) (*program, error) {
	g := &m.graph
	specs, err := g.Infer(in...)
	if err != nil {
		return nil, err
	}
	p := &planner{model: m, program: &program{model: m}, specs: specs, maps: elements(g, m.options.Precision),
		values: make([]*value, g.Values), copies: make(map[op.Value]*value)}
	for _, x := range g.Inputs {
		p.program.inputs = append(p.program.inputs, specs[x.Value])
	}
	for i, s := range specs {
		// A row of pixels may be filled up fourfold, and kernels count pixels in int32.
		if v := newValue(s, p.maps[i]); sizeOf(s) > maxBytes || v.bytes > maxBytes || v.pixels() > maxPixels {
			return nil, p.tooLarge(max(sizeOf(s), v.bytes))
		}
	}
	p.program.out = make([]staged, len(g.Outputs))
	for _, x := range g.Inputs {
		p.input(x)
	}
	for i := range g.Nodes {
		first := len(p.program.steps)
		p.path, p.op = g.Nodes[i].Path, g.Nodes[i].Op.Name()
		p.step(i)
		p.finish(first, g.Nodes[i].Out)
		if p.err != nil {
			return nil, p.err
		}
	}
	for _, v := range g.Outputs {
		p.program.outputs = append(p.program.outputs, specs[v])
	}
	p.place()
	if have, _ := m.capacity(); p.program.bytes > have {
		return nil, p.tooLarge(p.program.bytes)
	}
	return p.program, nil
}

const (
	maxBytes  = 1 << 42             // far more than a device has
	maxPixels = math.MaxInt32 - 256 // a block counts beyond the last by what it has itself
)

func (p *planner) tooLarge(bytes int64) error {
	have, limited := p.model.capacity()
	return &ArenaError{p.model.backend.name, p.program.inputs, bytes, have, limited}
}

// finish ends the planning of a node: what it touches must be there from its
// first step on, and its outputs go to the tensors of the caller.
func (p *planner) finish(first int, made []op.Value) {
	for i, v := range p.model.graph.Outputs {
		if slices.Contains(made, v) {
			p.output(i, v)
		}
	}
	last := max(len(p.program.steps)-1, first)
	for _, v := range p.touched {
		if v.first < 0 {
			v.first = first
		}
		v.last = max(v.last, last)
	}
	p.touched = p.touched[:0]
}

// touch notes that the node being planned uses v.
func (p *planner) touch(v *value) *value {
	if v.root != nil {
		p.touched = append(p.touched, v.root)
	} else {
		p.touched = append(p.touched, v)
	}
	return v
}

// read returns operand i of n, a map of the element that n wants.
func (p *planner) read(n *op.Node, i int) *value {
	return p.as(n.In[i], wants(n.Op, i, elementOf(p.model.options.Precision)))
}

// write returns result i of n.
func (p *planner) write(n *op.Node, i int) *value { return p.make(n.Out[i]) }

// make returns a new value for v: a map, or bytes if it is not of float32.
func (p *planner) make(v op.Value) *value {
	if p.specs[v].DType == tensor.Float32 {
		p.values[v] = newValue(p.specs[v], p.maps[v])
	} else {
		p.values[v] = newBytes(p.specs[v])
	}
	return p.hold(p.values[v])
}

// hold gives a value memory of its own.
func (p *planner) hold(v *value) *value {
	p.memory = append(p.memory, v)
	return p.touch(v)
}

// residual returns the operand that n adds, of the element of its result, nil
// for none.
func (p *planner) residual(n *op.Node, r op.Residual) *value {
	if r == op.NoResidual {
		return nil
	}
	return p.as(n.In[1], p.maps[n.Out[0]])
}

// sizeOr returns the size of a residual, that of y for none.
func (v *value) sizeOr(y *value) pair {
	if v == nil {
		return y.size()
	}
	return v.size()
}

// packed returns an address among the weights.
func (p *planner) packed(offset int64) operand { return packed{p.model.packed, offset} }

// threads is how many a block has of a kernel in which each has its own work.
const threads = 256

// each adds a step: a kernel with a thread for each of count things.
func (p *planner) each(kernel string, count int, arguments ...operand) {
	p.launch(kernel, [3]uint32{uint32((count + threads - 1) / threads)}, [3]uint32{threads}, arguments...)
}

// launch adds a step, unless its grid is empty.
func (p *planner) launch(kernel string, grid, block [3]uint32, arguments ...operand) {
	if grid[0] == 0 {
		return
	}
	p.program.steps = append(p.program.steps, step{path: p.path, op: p.op,
		kernel: p.model.backend.kernels[kernel], grid: grid, block: block, arguments: arguments})
}

// place gives every value its offset.
func (p *planner) place() {
	spans := make([]op.Span, len(p.memory))
	for i, v := range p.memory {
		spans[i] = op.Span{First: v.first, Last: v.last, Bytes: v.bytes, Align: alignment}
	}
	offsets, bytes := op.Place(spans)
	p.program.bytes = bytes
	for i, v := range p.memory {
		v.off = offsets[i]
	}
	for _, v := range p.values {
		if v != nil && v.root != nil {
			v.off = v.root.off
		}
	}
}
