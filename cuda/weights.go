//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// weights are where an operator's numbers are among a model's, in bytes.
type weights struct {
	matrices []int64 // one, or one for each phase of a transposed convolution
	columns  int     // of these, with the channels that there are not
	scale    int64   // of a batch norm
	bias     int64   // or shift
	anchors  int64   // of proposals, (A, 4) for one level after the other
}

// A matrix is a weight tensor as kernels read it: a row for each tap and input
// channel, a column for each output channel, both filled up with zeros. The
// epilogue's scale is multiplied in.
type matrix struct {
	tensor   *tensor.Tensor
	scale    []float64
	taps     []int // rows: these taps,
	depth    int   // and as many channels for each
	channels int   // columns

	// The tensor has output channel o, input channel c, tap t at o·out + c·in + t.
	out, in int

	rows, columns int // depth and channels as they are filled up
}

// matrixKey identifies a packed matrix, so that a head applied to several levels
// of a pyramid is on the device once.
type matrixKey struct {
	tensor                 *tensor.Tensor
	scale                  *float64
	taps                   string
	out, in, rows, columns int
}

// A packer collects what has to be packed, then packs it.
type packer struct {
	placed map[matrixKey]int64
	bytes  int64
	jobs   []packJob
}

// A packJob is a matrix or a vector, and where it goes.
type packJob struct {
	matrix *matrix
	vector []float64
	floats int
	offset int64
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
		return weights{scale: p.vector(scale, round(len(scale), 4)), bias: p.vector(shift, round(len(shift), 4))}, err
	case *op.Proposals:
		return p.proposals(o), nil
	}
	return weights{}, nil
}

// add returns the weights of an operator: matrices that differ in their taps,
// and the epilogue's bias.
func (p *packer) add(m matrix, e *op.Epilogue, taps ...[]int) weights {
	if e.Scale != nil && len(e.Scale) != m.channels || len(e.Bias) > m.channels {
		return weights{} // shape inference reports it
	}
	m.scale = e.Scale
	w := weights{columns: m.columns, bias: p.vector(e.Bias, m.columns)}
	for _, m.taps = range taps {
		key := matrixKey{m.tensor, unsafe.SliceData(m.scale), fmt.Sprint(m.taps), m.out, m.in, m.rows, m.columns}
		at, known := p.placed[key]
		if !known {
			one := m
			at = p.place(packJob{matrix: &one, floats: len(m.taps) * m.rows * m.columns})
			p.placed[key] = at
		}
		w.matrices = append(w.matrices, at)
	}
	return w
}

// vector places n floats that begin with v.
func (p *packer) vector(v []float64, n int) int64 { return p.place(packJob{vector: v, floats: n}) }

func (p *packer) place(j packJob) int64 {
	j.offset = p.bytes
	p.bytes += int64(round(4*j.floats, alignment))
	p.jobs = append(p.jobs, j)
	return j.offset
}

// pack returns a buffer of the device's with all that was placed.
func (p *packer) pack(ctx context.Context, c *driver.Context) (*driver.Buffer, error) {
	stream, err := c.NewStream()
	if err != nil {
		return nil, err
	}
	buffer, err := c.Alloc(p.bytes)
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	if err := errors.Join(p.fill(ctx, stream, buffer), stream.Close()); err != nil {
		return nil, errors.Join(err, buffer.Close())
	}
	return buffer, nil
}

// fill packs everything, one after the other.
func (p *packer) fill(ctx context.Context, stream *driver.Stream, buffer *driver.Buffer) error {
	most := 0
	for _, j := range p.jobs {
		most = max(most, j.floats)
	}
	scratch := make([]float32, most)
	for _, j := range p.jobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		dst := scratch[:j.floats]
		clear(dst)
		for i, v := range j.vector {
			dst[i] = float32(v)
		}
		if j.matrix != nil {
			if err := j.matrix.pack(dst); err != nil {
				return err
			}
		}
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst))
		if err := stream.Upload(buffer, j.offset, bytes); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pack writes the matrix over zeros.
func (m *matrix) pack(dst []float32) error {
	v, err := m.tensor.Float32s()
	if err != nil {
		return err
	}
	const block = 16 // columns at once: a cache line of dst
	for first := 0; first < m.channels; first += block {
		end := min(first+block, m.channels)
		for c := range m.depth {
			for t, tap := range m.taps {
				row := dst[(t*m.rows+c)*m.columns:][:m.columns]
				for o := first; o < end; o++ {
					x := v[o*m.out+c*m.in+tap]
					if m.scale != nil {
						x = float32(m.scale[o] * float64(x))
					}
					row[o] = x
				}
			}
		}
	}
	runtime.KeepAlive(m.tensor) // v may be its memory
	return nil
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
