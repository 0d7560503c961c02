//go:build linux && cgo && !nocuda

package cuda

import (
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// input plans that an input comes in, unless nothing uses it: as it is, and if
// it is float32 then into a map.
func (p *planner) input(x op.Input) {
	if !p.needed(x.Value) {
		p.program.in = append(p.program.in, staged{})
		return
	}
	p.path, p.op = "", "input"
	first := len(p.program.steps)
	v := p.make(x.Value)
	raw := v
	if x.DType == tensor.Float32 {
		raw = p.hold(newBytes(v.spec))
		p.each("to_nhwc_"+v.element.suffix(), v.vectors(),
			raw, v, i64(v.vectors()), i32(v.c), i32(v.h*v.w), i32(v.stride))
	}
	raw.first = 0 // all are copied before the first step
	p.program.in = append(p.program.in, p.stage(raw))
	p.finish(first, []op.Value{x.Value})
}

// needed reports whether something uses the elements of v.
func (p *planner) needed(v op.Value) bool {
	for _, o := range p.model.graph.Outputs {
		if o == v {
			return true
		}
	}
	for _, n := range p.model.graph.Nodes {
		for i, in := range n.In {
			if in == v && !op.ShapeOnly(n.Op, i) {
				return true
			}
		}
	}
	return false
}

// output plans that v goes out as output i.
func (p *planner) output(i int, v op.Value) {
	p.path, p.op = "", "output"
	x := p.touch(p.values[v])
	raw := x
	if x.spec.DType == tensor.Float32 {
		raw = p.hold(newBytes(x.spec))
		row := x.c * x.h * x.w
		p.each("to_nchw_"+x.element.suffix(), x.n*row,
			x, raw, i64(x.n*row), i32(x.c), i32(x.h*x.w), i32(x.stride))
		if count := p.model.graph.CountedRows()[v]; count >= 0 && x.n > 0 {
			given := p.touch(p.values[count])
			pictures := p.specs[count].Shape.Len()
			p.each("clear_uncounted_f32", x.n*row,
				raw, given, i64(x.n*row), i32(pictures), i32(x.n/pictures), i64(row))
		}
	}
	raw.last = math.MaxInt // all are copied after the last step
	p.program.out[i] = p.stage(raw)
}

// stage gives a value a place in the host's memory.
func (p *planner) stage(v *value) staged {
	at := p.program.staging
	p.program.staging += int64(round(int(v.bytes), alignment))
	return staged{v, at}
}
