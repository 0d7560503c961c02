package optest

import (
	"bytes"
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// guard is the memory around a tensor, in which nothing may be written.
// Reading it gives NaN.
type guard struct{ before, after []byte }

// guardBytes is more than a row of any register tile.
const guardBytes = 512

// nanBytes is a quiet NaN of float32 and, read as two numbers, of bfloat16,
// the same in either byte order.
var nanBytes = []byte{0xff, 0xff, 0xff, 0xff}

// newGuard returns a tensor full of NaN between guards, at an address that is
// a multiple of an element's size and of nothing more.
func newGuard(d tensor.DType, shape tensor.Shape) (*tensor.Tensor, *guard) {
	size := shape.Len() * d.Size()
	offset := guardBytes + d.Size()
	memory := tensor.AlignedBytes(offset + size + guardBytes)
	copy(memory, bytes.Repeat(nanBytes, len(memory)/4+1))
	inside := memory[offset : offset+size : offset+size]
	if d == tensor.Bool {
		clear(inside)
	}
	return must(tensor.FromBytes(d, shape, inside, nil)), &guard{memory[:offset], memory[offset+size:]}
}

func (g *guard) check() error {
	for _, zone := range [][]byte{g.before, g.after} {
		for i, b := range zone {
			if b != 0xff {
				side := fmt.Sprintf("%d bytes before its first", len(g.before)-i)
				if len(zone) != len(g.before) || &zone[0] != &g.before[0] {
					side = fmt.Sprintf("%d bytes after its last", i+1)
				}
				return fmt.Errorf("written %s element", side)
			}
		}
	}
	return nil
}

// poisoned returns copies of ts in which every float32 is NaN.
func poisoned(ts []*tensor.Tensor) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		out[i] = t.Clone()
		if t.DType() == tensor.Float32 {
			fillNaN(out[i])
		}
	}
	return out
}

func fillNaN(t *tensor.Tensor) {
	v := floats(t)
	for i := range v {
		v[i] = float32(math.NaN())
	}
}
