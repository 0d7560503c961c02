//go:build linux && cgo && !nocuda

package cuda

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn/op"
)

// checkMemory returns an error unless memory can hold what a program was planned
// for, and is the context's.
func (b *Backend) checkMemory(kind string, specs []op.Spec, ms []Memory) error {
	if len(specs) != len(ms) {
		return &op.OperandError{Kind: kind, Index: -1, Got: strconv.Itoa(len(ms)), Want: strconv.Itoa(len(specs))}
	}
	for i, m := range ms {
		s := specs[i]
		bytes := sizeOf(s)
		align := uintptr(max(s.DType.Size(), 4)) // bytes may be those of a picture of floats
		refuse := func(format string, args ...any) error {
			want := fmt.Sprintf("%v, %d bytes of memory of %s", s, bytes, b.name)
			return &op.OperandError{Kind: kind, Index: i, Got: fmt.Sprintf(format, args...), Want: want}
		}
		switch {
		case m.Bytes < bytes:
			return refuse("%d bytes", m.Bytes)
		case bytes == 0:
			continue
		case m.Address%align != 0:
			return refuse("address %#x, which is not aligned to %d bytes", m.Address, align)
		}
		r, err := b.context.Find(uint64(m.Address))
		switch left := r.Bytes - int64(uint64(m.Address)-r.Address); {
		case err != nil:
			return err
		case !r.OnDevice:
			return refuse("address %#x, which is not a device's", m.Address)
		case !r.Here:
			return refuse("address %#x, which is of another context or device", m.Address)
		case left < bytes:
			return refuse("address %#x, of which only %d bytes are allocated", m.Address, left)
		}
	}
	return nil
}

// checkApart returns an error if an output is where another operand is.
func checkApart(outputs, inputs []op.Spec, out, in []Memory) error {
	for i, y := range out {
		end := y.Address + uintptr(sizeOf(outputs[i]))
		meets := func(x Memory, s op.Spec) bool {
			return y.Address < x.Address+uintptr(sizeOf(s)) && x.Address < end
		}
		for j, x := range in {
			if meets(x, inputs[j]) {
				return overlap(i, "input", j)
			}
		}
		for j, x := range out[:i] {
			if meets(x, outputs[j]) {
				return overlap(i, "output", j)
			}
		}
	}
	return nil
}

func overlap(i int, kind string, j int) error {
	got := fmt.Sprintf("memory of %s %d", kind, j)
	return &op.OperandError{Kind: "output", Index: i, Got: got, Want: "memory of its own"}
}
