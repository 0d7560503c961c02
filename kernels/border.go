package kernels

import (
	"unsafe"

	"github.com/argand-go/argand/tensor"
)

// An importer copies input i of the network into the arena: images from
// (N, C, H, W) to (N, H, W, C), everything else as it is.
type importer struct {
	input int
	to    *value
	spans spans // of rows of pixels
}

func (p *planner) importer(i int, to *value) *importer {
	return &importer{i, to, spansOf(to.n*to.h, to.w*to.c)}
}

func (k *importer) items(int) int { return k.spans.items() }

func (k *importer) do(l *lane, _, i int) {
	t, v := l.in[k.input], k.to
	if t.DType() != tensor.Float32 {
		if i == 0 {
			copy(l.bytes(v), t.Bytes())
		}
		return
	}
	src, _ := tensor.Data[float32](t) // of this type and no outline: op.CheckOperands
	first, end := k.spans.of(i)
	for row := first; row < end; row++ {
		n, y := row/v.h, row%v.h
		if v.h*v.w == 1 {
			copy(l.mem[v.at(n, 0, 0):][:v.c], src[n*v.c:])
			continue
		}
		if v.c < fewChannels { // a row of each
			for c := range v.c {
				d := l.mem[v.at(n, y, 0)+c:]
				for x, s := range src[((n*v.c+c)*v.h+y)*v.w:][:v.w] {
					d[x*v.stride] = s
				}
			}
			continue
		}
		for c := 0; c < v.c; c += lineFloats { // whole cache lines of the pixels
			m := min(lineFloats, v.c-c)
			for x := range v.w {
				d := l.mem[v.at(n, y, x)+c:][:m]
				s := src[((n*v.c+c)*v.h+y)*v.w+x:]
				for j := range d {
					d[j] = s[j*v.h*v.w]
				}
			}
		}
	}
}

// An exporter copies a value to output i of the network, and writes zeros
// over the rows that are not meaningful.
type exporter struct {
	output int
	from   *value
	spans  spans // of rows of pixels
}

func (p *planner) exporter(i int, from *value) *exporter {
	return &exporter{i, from, spansOf(from.n*from.h, from.w*from.c)}
}

func (k *exporter) items(int) int { return k.spans.items() }

func (k *exporter) do(l *lane, rows, i int) {
	t, v := l.out[k.output], k.from
	if t.DType() != tensor.Float32 {
		if i == 0 {
			copy(t.Bytes(), l.bytes(v))
		}
		return
	}
	dst, _ := tensor.Data[float32](t)
	first, end := k.spans.of(i)
	for row := first; row < end; row++ {
		n, y := row/v.h, row%v.h
		switch {
		case n >= rows:
			for c := range v.c {
				clear(dst[((n*v.c+c)*v.h+y)*v.w:][:v.w])
			}
			continue
		case v.h*v.w == 1:
			copy(dst[n*v.c:][:v.c], l.mem[v.at(n, 0, 0):])
			continue
		}
		for c := 0; c < v.c; c += lineFloats {
			m := min(lineFloats, v.c-c)
			for x := range v.w {
				s := l.mem[v.at(n, y, x)+c:][:m]
				d := dst[((n*v.c+c)*v.h+y)*v.w+x:]
				for j := range s {
					d[j*v.h*v.w] = s[j]
				}
			}
		}
	}
}

// bytes returns the memory of a value that is not float32.
func (r *run) bytes(v *value) []byte {
	n := v.spec.Shape.Len() * v.spec.DType.Size()
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&r.mem[v.off])), n)
}
