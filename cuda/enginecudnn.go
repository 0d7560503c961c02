//go:build linux && cgo && !nocuda

package cuda

import (
	"errors"

	"github.com/argand-go/argand/cuda/internal/cudnn"
	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

const (
	cudnnPlans   = 6         // that are measured for a product: what cuDNN puts first is rarely far from the best
	cudnnScratch = 128 << 20 // bytes of workspace: a copy of a map of 800×1344 in another layout
)

// cudnnEngine is the engine of cuDNN, which does whole convolutions without an
// activation or with a ReLU; fully connected layers are left to cuBLASLt. It is told
// of the channels that there are not, too: their weights, biases and residuals are
// zero, and so are they.
type cudnnEngine struct {
	version cudnn.Version
	device  *cudnn.Device
}

// openCUDNN returns the engine of the library at a path.
func openCUDNN(path string, c *driver.Context) (engine, error) {
	l, err := cudnn.Load(path)
	if err != nil {
		return nil, &LibraryError{"cuDNN", err}
	}
	d, err := l.Open(c)
	if err != nil {
		return nil, &LibraryError{"cuDNN", &cudnn.LoadError{Path: path, Cause: err}}
	}
	return &cudnnEngine{l.Version, d}, nil
}

// name implements [engine].
func (e *cudnnEngine) name() string { return "cudnn " + e.version.String() }

// outputRows implements [engine].
func (e *cudnnEngine) outputRows() bool { return true }

// close implements [engine].
func (e *cudnnEngine) close() error { return e.device.Close() }

// plans implements [engine].
func (e *cudnnEngine) plans(q product) ([]enginePlan, error) {
	connected := q.matrix() && q.at.size == pair{1, 1}
	if connected || q.in != q.out || !q.whole() || !q.sameResidual() || q.act > op.ReLU {
		return nil, nil
	}
	plans, err := e.device.Plans(cudnnConvolution(&q), cudnn.Limits{Plans: cudnnPlans, Workspace: cudnnScratch})
	if _, other := errors.AsType[*cudnn.ShapeError](err); other {
		return nil, nil // a transposed convolution of stride 1 is one with another padding at the end
	}
	var list []enginePlan
	for _, p := range plans {
		list = append(list, cudnnPlan{p})
	}
	return list, err
}

func cudnnConvolution(q *product) cudnn.Convolution {
	return cudnn.Convolution{Type: cudnnType(q.in), N: q.n,
		X: [3]int{q.height, q.width, q.c}, Y: [3]int{q.yh, q.yw, q.stride},
		Kernel: q.at.kernel, Stride: q.at.stride, Padding: q.at.padding, Dilation: q.at.dilation,
		Residual: q.residual != op.NoResidual, ReLU: q.act == op.ReLU, TensorCores: q.precision != op.Float32}
}

func cudnnType(e element) cudnn.Type {
	switch e {
	case elementBF16:
		return cudnn.BFloat16
	case elementF16:
		return cudnn.Float16
	}
	return cudnn.Float32
}

// cudnnPlan is an engine of cuDNN's, set up for a product.
type cudnnPlan struct{ plan *cudnn.Plan }

// name implements [enginePlan].
func (p cudnnPlan) name() string { return "cudnn/" + p.plan.Name() }

// scratch implements [enginePlan].
func (p cudnnPlan) scratch() int64 { return p.plan.Workspace }

// outputRows implements [enginePlan].
func (p cudnnPlan) outputRows() bool { return true }

// repeat implements [enginePlan].
func (p cudnnPlan) repeat(q product) (enginePlan, error) {
	next, err := p.plan.Again(cudnnConvolution(&q))
	if err != nil {
		return nil, err
	}
	return cudnnPlan{next}, nil
}

// run implements [enginePlan].
func (p cudnnPlan) run(s *driver.Stream, a addresses) error {
	return p.plan.Run(s, cudnn.Tensors{X: a.x, W: a.w, Residual: a.residual, Bias: a.narrow, Y: a.y,
		Workspace: a.scratch})
}

// close implements [enginePlan].
func (p cudnnPlan) close() error { return p.plan.Close() }
