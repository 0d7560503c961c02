//go:build linux && cgo && !nocuda

package cublaslt

// #include "cublaslt.h"
import "C"

import (
	"fmt"
	"sync"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Type is what a matrix is of.
type Type int

// The types of matrices.
const (
	Float32  Type = C.AG_CUDA_R_32F
	Float16  Type = C.AG_CUDA_R_16F
	BFloat16 Type = C.AG_CUDA_R_16BF
)

// Matmul is a product of row-major matrices,
//
//	y (Rows, Columns) = relu(x (Rows, Depth) · w + bias (Columns) + residual (Rows, Columns))
//
// with sums in float32.
type Matmul struct {
	Rows, Depth, Columns int

	// StrideX, StrideW and StrideY are how many elements rows lie apart; those of
	// the residual lie as those of y.
	StrideX, StrideW, StrideY int

	OutputRows bool // w is (Columns, Depth), not (Depth, Columns)
	In, Out    Type // of x and w; of y, bias and residual
	TF32       bool // factors of float32 may be rounded to 11 significant bits
	ReLU       bool

	plain bool // an exact product is not asked for as a pedantic one
}

// exact reports whether products must be those of float32.
func (m *Matmul) exact() bool { return m.In == Float32 && !m.TF32 }

// flags returns what algorithms may do: those of an exact product nothing but
// multiply and add in float32, and others nothing but add up in float16.
func (m *Matmul) flags() uint64 {
	if m.exact() {
		return C.AG_CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA | C.AG_CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F |
			C.AG_CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F
	}
	return ^uint64(C.AG_CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_16F)
}

// compute returns how sums are computed. The pedantic way is the one that no
// setting of the process, such as an environment variable that allows emulation by
// bfloat16, can change. Where it is not offered, flags are what sees to that.
func (m *Matmul) compute() C.int {
	switch {
	case m.In != Float32 || m.exact() && m.plain:
		return C.AG_CUBLAS_COMPUTE_32F
	case m.TF32:
		return C.AG_CUBLAS_COMPUTE_32F_FAST_TF32
	}
	return C.AG_CUBLAS_COMPUTE_32F_PEDANTIC
}

func (m *Matmul) c() C.ag_matmul {
	c := C.ag_matmul{compute: m.compute(), _type: C.int(m.In), out: C.int(m.Out),
		rows: C.uint64_t(m.Rows), depth: C.uint64_t(m.Depth), columns: C.uint64_t(m.Columns),
		ldx: C.int64_t(m.StrideX), ldw: C.int64_t(m.StrideW), ldy: C.int64_t(m.StrideY)}
	if m.OutputRows {
		c.output_rows = 1
	}
	if m.ReLU {
		c.relu = 1
	}
	return c
}

// Plan is a way to compute a product. It is safe for concurrent use.
type Plan struct {
	ID, Tile, Splits int   // of the algorithm, as the library numbers them
	Scratch          int64 // bytes of workspace

	handle *Handle
	matmul Matmul
	algo   C.ag_algo
	mu     sync.Mutex // of the operation's bias
	c      C.ag_lt_plan
}

// mostPlans is how many plans there are at most for a product.
const mostPlans = 8

// Plans returns ways to compute a product, at most limit, of which the library
// thinks the first to be the fastest, with at most so many bytes of workspace. It
// returns none for a product that the library does not do.
func (h *Handle) Plans(m Matmul, workspace int64, limit int) ([]*Plan, error) {
	plans, err := h.find(m, workspace, limit)
	if err == nil && plans == nil && m.exact() {
		m.plain = true
		plans, err = h.find(m, workspace, limit)
	}
	return plans, err
}

func (h *Handle) find(m Matmul, workspace int64, limit int) (plans []*Plan, err error) {
	defer func() {
		if err != nil {
			for _, p := range plans {
				p.Close()
			}
			plans = nil
		}
	}()
	first, err := h.describe(m)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	var (
		results [mostPlans]C.ag_result
		found   C.int
		f       C.ag_lt_failure
	)
	failed := C.ag_lt_find(&h.at, &first.c, C.uint64_t(workspace), C.uint64_t(m.flags()), &results[0],
		C.int(min(limit, mostPlans)), &found, &f)
	if failed != 0 && f.status == C.AG_CUBLAS_STATUS_NOT_SUPPORTED {
		return nil, nil
	}
	if err := h.check(failed, &f); err != nil {
		return nil, err
	}
	for _, r := range results[:min(int(found), mostPlans)] {
		if r.state != C.AG_CUBLAS_STATUS_SUCCESS || int64(r.workspace) > workspace {
			continue
		}
		// What was found is looked at again: a version that overlooked the mask would
		// be less exact than was asked for, without a word.
		var flags C.uint64_t
		if err := h.check(C.ag_lt_flags(&h.at, &r.algo, &flags, &f), &f); err != nil {
			return plans, err
		}
		if uint64(flags)&^m.flags() != 0 {
			continue
		}
		p, err := h.plan(m, r.algo, int64(r.workspace))
		if err != nil {
			return plans, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func (h *Handle) describe(m Matmul) (*Plan, error) {
	p := &Plan{handle: h, matmul: m}
	c := m.c()
	var f C.ag_lt_failure
	if err := h.check(C.ag_lt_describe(&h.at, &c, &p.c, &f), &f); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (h *Handle) plan(m Matmul, algo C.ag_algo, scratch int64) (*Plan, error) {
	p, err := h.describe(m)
	if err != nil {
		return nil, err
	}
	p.algo, p.Scratch = algo, scratch
	var id, tile, splits C.int
	var f C.ag_lt_failure
	if err := h.check(C.ag_lt_config(&h.at, &p.algo, &id, &tile, &splits, &f), &f); err != nil {
		p.Close()
		return nil, err
	}
	p.ID, p.Tile, p.Splits = int(id), int(tile), int(splits)
	return p, nil
}

// String returns the algorithm, "algo21.tile20" or "algo21.tile20/split4".
func (p *Plan) String() string {
	s := fmt.Sprintf("algo%d.tile%d", p.ID, p.Tile)
	if p.Splits > 1 {
		s += fmt.Sprintf("/split%d", p.Splits)
	}
	return s
}

// Repeat returns the same algorithm for another number of rows. It is an error if
// it does not do that.
func (p *Plan) Repeat(rows int) (*Plan, error) {
	m := p.matmul
	m.Rows = rows
	next, err := p.handle.plan(m, p.algo, p.Scratch)
	if err != nil {
		return nil, err
	}
	var result C.ag_result
	var f C.ag_lt_failure
	if err := p.handle.check(C.ag_lt_check(&p.handle.at, &next.c, &next.algo, &result, &f), &f); err != nil {
		next.Close()
		return nil, err
	}
	next.Scratch = int64(result.workspace)
	return next, nil
}

// Addresses are where the device has the operands of a product: Residual is 0 for
// none, and Scratch has as many bytes as the plan says.
type Addresses struct{ X, W, Bias, Residual, Y, Scratch uint64 }

// Run submits a product to a stream, and does not wait.
func (p *Plan) Run(s *driver.Stream, a Addresses) error {
	stream, err := s.Native()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var f C.ag_lt_failure
	return p.handle.check(C.ag_lt_run(&p.handle.at, &p.c, &p.algo, C.uint64_t(a.X), C.uint64_t(a.W), C.uint64_t(a.Bias),
		C.uint64_t(a.Residual), C.uint64_t(a.Y), C.uint64_t(a.Scratch), C.size_t(p.Scratch), stream, &f), &f)
}

// Close frees the plan.
func (p *Plan) Close() { C.ag_lt_drop(&p.handle.at, &p.c) }
