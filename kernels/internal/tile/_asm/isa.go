package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// An isa is an instruction set that tiles are written in: what its registers
// are, and how it loads and stores the first few floats of a vector.
type isa struct {
	name  string // as a suffix of function names
	lanes int    // floats of a vector
	regs  []reg.VecPhysical

	zero func(r reg.VecPhysical)

	// masks makes the masks for the number of columns in cols, which it may
	// overwrite; load and store use them for vector j of a row.
	masks func(t *tile, cols, tmp reg.GPPhysical)
	load  func(t *tile, m Mem, j int, r reg.VecPhysical)
	store func(t *tile, r reg.VecPhysical, j int, m Mem)
}

var avx512 = &isa{
	name:  "AVX512",
	lanes: 16,
	regs: []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	},
	zero: func(r reg.VecPhysical) { VPXORD(r, r, r) },
	masks: func(t *tile, cols, tmp reg.GPPhysical) {
		// cols is CX: tmp = 1<<cols − 1, 16 bits for each vector.
		MOVQ(U32(1), tmp)
		SHLQ(reg.CL, tmp)
		DECQ(tmp)
		for j := range t.vectors {
			KMOVW(tmp.(reg.GPPhysical).As32(), maskRegs[j])
			SHRQ(U8(16), tmp)
		}
	},
	load:  func(_ *tile, m Mem, j int, r reg.VecPhysical) { VMOVUPS_Z(m, maskRegs[j], r) },
	store: func(_ *tile, r reg.VecPhysical, j int, m Mem) { VMOVUPS(r, maskRegs[j], m) },
}

var maskRegs = []reg.OpmaskPhysical{reg.K1, reg.K2}

var avx2 = &isa{
	name:  "AVX2",
	lanes: 8,
	regs: []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	},
	zero: func(r reg.VecPhysical) { VXORPS(r, r, r) },
	masks: func(t *tile, cols, _ reg.GPPhysical) {
		// Vector j of the mask is cols > (8j, 8j+1, …), as integers. The masks
		// are where the main loop has weights, the scratch register after.
		last := t.mask(t.vectors - 1)
		VMOVD(cols.As32(), last.AsX())
		VPBROADCASTD(last.AsX(), last)
		for j := range t.vectors {
			VPCMPGTD(t.iota.Offset(32*j), last, t.mask(j))
		}
	},
	load:  func(t *tile, m Mem, j int, r reg.VecPhysical) { VMASKMOVPS(m, t.mask(j), r) },
	store: func(t *tile, r reg.VecPhysical, j int, m Mem) { VMASKMOVPS(r, t.mask(j), m) },
}

// iotas defines 0, 1, … 15 as 32-bit integers.
func iotas() Mem {
	m := GLOBL("iota", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(i))
	}
	return m
}
