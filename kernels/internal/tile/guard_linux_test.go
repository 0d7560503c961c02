package tile

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n numbers that end where a page begins that nobody may read
// or write; or begin where one ends, if first. Touching it is a fault that no
// test survives, so that assembly that reads too far cannot go unseen.
func fenced(t *testing.T, n int, first bool) []float32 {
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, at := range []int{0, page + size} {
		if err := syscall.Mprotect(mem[at:at+page], syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if !first {
		at = page + size - 4*n
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[at])), n)
}

// TestTilesStayInside runs tiles of every size on operands that touch forbidden
// pages, before or behind.
func TestTilesStayInside(t *testing.T) {
	for _, tier := range runnable(t) {
		for _, tl := range tier.Tiles {
			for cols := 1; cols <= tl.Cols; cols++ {
				runFenced(t, &tl, cols, false)
				runFenced(t, &tl, cols, true)
			}
		}
	}
}

func runFenced(t *testing.T, tl *Tile, cols int, first bool) {
	r := rand.New(rand.NewPCG(33, 34))
	const taps, k = 2, 5
	a, b := fenced(t, tl.Rows*k, first), fenced(t, taps*k*tl.Cols, first)
	bias := fenced(t, tl.Cols, first)
	fill(r, a)
	fill(r, b)
	c, res := fenced(t, tl.Rows*cols, first), fenced(t, tl.Rows*cols, first)
	for rows := 1; rows <= tl.Rows; rows++ {
		args := &Args{A: a, B: b, C: c, R: res, Bias: bias, Rows: rows, Cols: cols, Taps: taps, K: k, Load: 1, ReLU: 1}
		for i := range rows { // the last rows end where the memory does
			at := i
			if !first {
				at = tl.Rows - 1 - i
			}
			args.COff, args.ROff = append(args.COff, at*cols), append(args.ROff, at*cols)
		}
		for range taps {
			for i := range rows {
				args.AOff = append(args.AOff, args.COff[i]/cols*k)
			}
		}
		tl.Run(args)
	}
}

// TestMutants: the tests above and TestTiles find what generated code gets
// wrong. Each mutant is a tile with one mistake.
func TestMutants(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	mutate := func(tl *Tile, run func(a *Args, right func(*Args))) *Tile {
		m := *tl
		m.kernels = nil
		for _, right := range tl.kernels {
			m.kernels = append(m.kernels, func(a *Args) { run(a, right) })
		}
		return &m
	}
	seen := func(test func() error) (seen bool) {
		defer func() { seen = seen || recover() != nil }() // a fault, or an index that Go checks
		return test() != nil
	}
	for _, tier := range runnable(t) {
		for _, tl := range tier.Tiles {
			tailMask := mutate(&tl, func(a *Args, right func(*Args)) {
				b := *a
				b.Cols = min(b.Cols+1, tl.Cols)
				right(&b)
			})
			stride := mutate(&tl, func(a *Args, right func(*Args)) {
				b := *a
				b.COff = slices.Clone(a.COff)
				b.COff[len(b.COff)-1]++
				right(&b)
			})
			for name, m := range map[string]*Tile{"the tail's mask": tailMask, "a stride": stride} {
				c := tileCase{rows: min(3, tl.Rows), cols: tl.Cols - 1, taps: 2, k: 7, bias: true}
				if !seen(func() error { return c.check(m, rand.New(rand.NewPCG(35, 36))) }) {
					t.Errorf("%s: a mistake in %s goes unseen", tl.Name, name)
				}
			}

			past := mutate(&tl, func(a *Args, right func(*Args)) { // reads a number past the end
				b := *a
				b.C, b.COff = make([]float32, tl.Cols), make([]int, len(a.COff))
				b.K, b.Taps, b.B = a.K+1, 1, make([]float32, 2*len(a.B))
				right(&b)
				right(a)
			})
			if !seen(func() error { runFenced(t, past, tl.Cols, false); return nil }) {
				t.Errorf("%s: reading one number too many goes unseen", tl.Name)
			}
		}
	}
}

// TestVectorsStayInside does the same for the loops over channels.
func TestVectorsStayInside(t *testing.T) {
	for _, tier := range runnable(t) {
		for n := 1; n <= 35; n++ {
			for _, first := range []bool{false, true} {
				array := func(rows int) []float32 { return fenced(t, rows*n, first) }
				dst, x, y := array(1), array(1), array(1)
				tier.Max(dst, x)
				tier.Add(dst, x, y)
				tier.Mul(dst, x, y)
				for _, a := range tier.Acts.all() {
					a.rows(dst, x, []int{0}, n)
					a.rows(dst, dst, []int{0}, n)
				}
				tier.Blend(dst, &Samples{X: array(3), Off: []int{n, 0, 2 * n}, W: []float32{1, 2, 3}})

				d := &Depth{X: array(3), W: array(3), Taps: 3, Y: dst, Bias: x, R: y, ReLU: 1}
				d.Off = []int{0, n, 2 * n}
				d.WOff = d.Off
				tier.Depth(d)

				for m, w := range tier.winograds() {
					in, out := (m+2)*(m+2), m*m
					p := &Patch{X: array(in), V: array(in), Stride: n, N: n}
					q := &Quad{M: p.V, Stride: n, N: n, Bias: x, R: array(out), Y: array(out), ReLU: 1}
					for i := range in {
						p.Off = append(p.Off, i*n)
					}
					q.ROff, q.YOff = p.Off[:out], p.Off[:out]
					w.Patch(p)
					w.Quad(q)
				}
			}
		}
	}
}
