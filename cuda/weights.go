//go:build linux && cgo && !nocuda

package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// weights are where an operator's numbers are among a model's, in bytes.
type weights struct {
	matrices []int64 // one, or one for each phase of a transposed convolution
	rows     []int64 // the same with a row for each output channel, for libraries; nil if none wants it
	columns  int     // of these, with the channels that there are not
	scale    int64   // of a norm
	bias     int64   // or shift, or the positions of tokens
	narrow   int64   // the bias of a product with the element of maps
	anchors  int64   // of proposals, (A, 4) for one level after the other
	values   int64   // of preprocessing, (3, 256)
}

// A matrix is a weight tensor as kernels read it, filled up with zeros: a row for
// each tap and input channel, a column for each output channel, or if outputRows
// the other way round. The epilogue's scale is multiplied in before numbers are
// rounded.
type matrix struct {
	tensor   *tensor.Tensor
	scale    []float64
	taps     []int // rows: these taps,
	depth    int   // and as many channels for each
	channels int   // columns

	// The tensor has output channel o, input channel c, tap t at o·out + c·in + t.
	out, in int

	rows, columns int // depth and channels as they are filled up
	outputRows    bool
	precision     op.Precision // of the numbers
}

// matrixKey identifies a packed matrix, so that a head applied to several levels
// of a pyramid is on the device once.
type matrixKey struct {
	tensor                 *tensor.Tensor
	scale                  *float64
	taps                   string
	out, in, rows, columns int
	outputRows             bool
}

// A packer collects what has to be packed, then packs it.
type packer struct {
	precision op.Precision
	placed    map[matrixKey]int64
	rows      bool // weights.rows are wanted
	bytes     int64
	jobs      []packJob
}

func newPacker(p op.Precision) *packer {
	return &packer{precision: p, placed: make(map[matrixKey]int64)}
}

// weights returns what an operator keeps on the device.
func (p *packer) weights(o op.Op) (weights, error) {
	switch o := o.(type) {
	case *op.Conv2d:
		return p.conv2d(o), nil
	case *op.ConvTranspose2d:
		return p.convTranspose2d(o), nil
	case *op.Linear:
		return p.linear(o), nil
	case *op.BatchNorm2d:
		scale, shift, err := o.Affine()
		if _, wrong := errors.AsType[*op.ShapeError](err); wrong {
			return weights{}, nil // shape inference reports it
		}
		return weights{scale: p.vector(scale, round(len(scale), 8)), bias: p.vector(shift, round(len(shift), 8))}, err
	case *op.LayerNorm:
		return p.layerNorm(o)
	case *op.L2Norm:
		return p.l2Norm(o)
	case *op.GroupNorm:
		return p.groupNorm(o), nil
	case *op.Tokens:
		return p.tokens(o)
	case *op.Preprocess:
		return p.preprocess(o), nil
	case *op.Proposals:
		return p.proposals(o), nil
	}
	return weights{}, nil
}

// product returns the weights of a product: matrices that differ in their taps,
// and the epilogue's bias. A float32 product reads four output channels of a row;
// tensor cores read as many input channels of an output channel as are 16 bytes.
func (p *packer) product(m matrix, e *op.Epilogue, taps ...[]int) weights {
	maps := elementOf(p.precision)
	m.precision, m.outputRows = p.precision, p.precision != op.Float32
	m.rows, m.columns = round(m.depth, maps.lanes()), round(m.channels, 64)
	if m.outputRows {
		m.columns = round(m.channels, 128)
	}
	w := p.add(m, e, taps...)
	if w.rows = w.matrices; !m.outputRows {
		w.rows = nil
		if m.outputRows = true; p.rows && w.matrices != nil {
			w.rows = p.matrices(m, e, taps)
		}
	}
	if w.narrow = w.bias; maps != elementF32 && w.matrices != nil {
		w.narrow = p.place(packJob{vector: e.Bias, precision: p.precision, count: m.columns})
	}
	return w
}

// add returns the weights of an operator.
func (p *packer) add(m matrix, e *op.Epilogue, taps ...[]int) weights {
	if e.Scale != nil && len(e.Scale) != m.channels || len(e.Bias) > m.channels {
		return weights{} // shape inference reports it
	}
	return weights{columns: m.columns, bias: p.vector(e.Bias, m.columns), matrices: p.matrices(m, e, taps)}
}

// matrices places matrices that differ in their taps.
func (p *packer) matrices(m matrix, e *op.Epilogue, taps [][]int) (list []int64) {
	m.scale = e.Scale
	for _, m.taps = range taps {
		key := matrixKey{m.tensor, unsafe.SliceData(m.scale), fmt.Sprint(m.taps),
			m.out, m.in, m.rows, m.columns, m.outputRows}
		at, known := p.placed[key]
		if !known {
			one := m
			at = p.place(packJob{matrix: &one, precision: m.precision, count: len(m.taps) * m.rows * m.columns})
			p.placed[key] = at
		}
		list = append(list, at)
	}
	return list
}

// vector places n float32 numbers that begin with v.
func (p *packer) vector(v []float64, n int) int64 { return p.place(packJob{vector: v, count: n}) }

func (p *packer) place(j packJob) int64 {
	j.offset = p.bytes
	p.bytes += int64(round(j.size(), alignment))
	p.jobs = append(p.jobs, j)
	return j.offset
}

// alignment is that of weights and of values in arenas, in bytes.
const alignment = 256

// upTo returns 0 … n−1.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// round returns n rounded up to a multiple of m.
func round(n, m int) int { return (n + m - 1) / m * m }
