//go:build linux && cgo && !nocuda

package cuda

import (
	"github.com/argand-go/argand/cuda/internal/cublaslt"
	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

const (
	cublasltPlans   = 4        // that are measured for a product: the first is most often the fastest
	cublasltScratch = 32 << 20 // bytes of workspace, what NVIDIA recommends for capability 9.0
)

// cublasltEngine is the engine of cuBLASLt, which does products that are one of
// matrices: 1×1 convolutions of stride 1, and fully connected layers.
type cublasltEngine struct {
	version cublaslt.Version
	handle  *cublaslt.Handle
}

// openCUBLASLt returns the engine of the library at a path.
func openCUBLASLt(path string, c *driver.Context) (engine, error) {
	l, err := cublaslt.Load(path)
	if err != nil {
		return nil, &LibraryError{"cuBLASLt", err}
	}
	h, err := l.Open(c)
	if err != nil {
		return nil, &LibraryError{"cuBLASLt", &cublaslt.LoadError{Path: path, Cause: err}}
	}
	return &cublasltEngine{l.Version, h}, nil
}

// name implements [engine].
func (e *cublasltEngine) name() string { return "cublaslt " + e.version.String() }

// outputRows implements [engine].
func (e *cublasltEngine) outputRows() bool { return false }

// close implements [engine].
func (e *cublasltEngine) close() error { return e.handle.Close() }

// plans implements [engine].
func (e *cublasltEngine) plans(q product) ([]enginePlan, error) {
	if !q.matrix() || !q.sameResidual() || q.act > op.ReLU {
		return nil, nil
	}
	m := cublaslt.Matmul{Rows: q.rows(), Depth: q.c, Columns: q.stride, StrideX: q.c, StrideW: q.columns,
		StrideY: q.stride, In: cublasltType(q.in), Out: cublasltType(q.out), ReLU: q.act == op.ReLU}
	if q.precision != op.Float32 {
		m.OutputRows, m.StrideW, m.TF32 = true, q.c, q.precision == op.TensorFloat32
	}
	plans, err := e.handle.Plans(m, cublasltScratch, cublasltPlans)
	var list []enginePlan
	for _, p := range plans {
		list = append(list, cublasltPlan{p})
	}
	return list, err
}

func cublasltType(e element) cublaslt.Type {
	switch e {
	case elementBF16:
		return cublaslt.BFloat16
	case elementF16:
		return cublaslt.Float16
	}
	return cublaslt.Float32
}

// cublasltPlan is an algorithm for a product.
type cublasltPlan struct{ plan *cublaslt.Plan }

// name implements [enginePlan].
func (p cublasltPlan) name() string { return "cublaslt/" + p.plan.String() }

// scratch implements [enginePlan].
func (p cublasltPlan) scratch() int64 { return p.plan.Scratch }

// outputRows implements [enginePlan].
func (p cublasltPlan) outputRows() bool { return false }

// repeat implements [enginePlan].
func (p cublasltPlan) repeat(q product) (enginePlan, error) {
	next, err := p.plan.Repeat(q.rows())
	if err != nil {
		return nil, err
	}
	return cublasltPlan{next}, nil
}

// run implements [enginePlan].
func (p cublasltPlan) run(s *driver.Stream, a addresses) error {
	return p.plan.Run(s, cublaslt.Addresses{X: a.x, W: a.w, Bias: a.narrow, Residual: a.residual, Y: a.y,
		Scratch: a.scratch})
}

// close implements [enginePlan].
func (p cublasltPlan) close() error {
	p.plan.Close()
	return nil
}
