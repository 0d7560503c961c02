package kernels

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// weights are what an operator keeps from loading to running.
type weights struct {
	phases []phase   // one product per phase; see product.go
	bias   []float32 // [groups][panels][tile's Cols], padded as the panels are
	act    op.Act

	// filters are the weights transformed for winograd, [panel][36 or 16][k][Cols],
	// nil for convolutions that it is not for; edge is the output pixels of its
	// tiles a side, 4 or 2.
	filters *panels
	edge    int

	// image says that a linear layer takes the image before the Flatten that
	// it reads: its product is a convolution as large as the image.
	image bool

	depth        []float32 // of a depthwise convolution, [tap][channel]
	scale, shift []float32 // of a batch norm by itself
}

// A phase is the part of a convolution that makes the output pixels (i, j) of
// i ≡ y, j ≡ x modulo the stride of a transposed convolution; others have one.
type phase struct {
	y, x   int
	taps   []tap
	panels *panels
}

// A tap is one position of a convolution's kernel, as the distance from the
// pixel at the window's corner.
type tap struct{ y, x int }

// panels are packed weights, [group][panel][tap][k][tile's Cols], the last
// panel of a group filled up with zeros. The epilogue's scale is multiplied in.
type panels struct {
	tile     *tile.Tile
	groups   int
	channels int // output channels per group
	count    int // panels per group
	taps, k  int
	data     []float32
}

func (p *panels) panel(group, i int) []float32 {
	size := p.taps * p.k * p.tile.Cols
	at := (group*p.count + i) * size
	return p.data[at : at+size]
}

// A source says where a weight tensor has the element of output channel o,
// input channel c and kernel position t: at o·out + c·in + t, with o counted
// through all groups and c within one.
type source struct {
	tensor  *tensor.Tensor
	scale   []float64
	out, in int
	taps    []int // positions to take, in order
	edge    int   // take the numbers that Winograd makes of 3×3 for tiles of edge² instead; 0 for none
}

// packKey identifies packed weights, so that a head applied to several levels
// of a pyramid is packed once.
type packKey struct {
	tensor  *tensor.Tensor
	scale   *float64
	groups  int
	out, in int
	phase   [4]int // of a transposed convolution: stride and phase
	edge    int
}

// A packer collects what has to be packed, then packs it on all cores.
type packer struct {
	model  *model
	packed map[packKey]*panels
	jobs   []packJob
}

type packJob struct {
	to           *panels
	from         source
	group, panel int
}

// add returns the panels for a source, which pack will fill.
func (p *packer) add(from source, groups, channels, k int, phase [4]int) *panels {
	key := packKey{from.tensor, unsafe.SliceData(from.scale), groups, from.out, from.in, phase, from.edge}
	if to := p.packed[key]; to != nil {
		return to
	}
	t := p.model.tier.For(channels)
	to := &panels{tile: t, groups: groups, channels: channels, taps: len(from.taps), k: k}
	to.count = (channels + t.Cols - 1) / t.Cols
	p.packed[key] = to
	for g := range groups {
		for i := range to.count {
			p.jobs = append(p.jobs, packJob{to, from, g, i})
		}
	}
	p.model.zeros = max(p.model.zeros, groups*k)
	return to
}

// pack fills all panels, or returns the context's error.
func (p *packer) pack(ctx context.Context) error {
	for _, to := range p.packed {
		to.data = p.model.memory.floats(to.groups * to.count * to.taps * to.k * to.tile.Cols)
		p.model.bytes += int64(len(to.data)) * 4
	}
	for _, w := range p.model.weights {
		if w != nil {
			p.model.bytes += int64(len(w.bias)+len(w.depth)+len(w.scale)+len(w.shift)) * 4
		}
	}
	threads := runtime.GOMAXPROCS(0)
	if n := p.model.options.Threads; n > 0 {
		threads = min(threads, n)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, threads)
	for t := range threads {
		wg.Go(func() {
			var s scratch
			for errs[t] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(p.jobs) {
					return
				}
				if errs[t] = ctx.Err(); errs[t] == nil {
					errs[t] = p.jobs[i].pack(&s)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pack fills one panel.
func (j *packJob) pack(s *scratch) error {
	to, from := j.to, &j.from
	dst, cols := to.panel(j.group, j.panel), to.tile.Cols
	first := j.panel * cols
	n := min(cols, to.channels-first)
	first += j.group * to.channels
	if from.in < from.out { // (O, C, KH, KW): all of an output channel is contiguous
		for col := range n {
			o := first + col
			row, err := s.read(from.tensor, o*from.out, from.out)
			if err != nil {
				return err
			}
			scale := scaleOf(from.scale, o)
			if from.edge > 0 {
				transform(dst[col:], row, scale, from.edge, to)
				continue
			}
			for t, position := range from.taps {
				d := dst[t*to.k*cols+col:]
				for c := range to.k {
					d[c*cols] = float32(scale * row[c*from.in+position])
				}
			}
		}
		return nil
	}
	for c := range to.k { // (C, O, KH, KW): an input channel's part of the panel is
		row, err := s.read(from.tensor, c*from.in+first*from.out, n*from.out)
		if err != nil {
			return err
		}
		for t, position := range from.taps {
			d := dst[(t*to.k+c)*cols:]
			for col := range n {
				d[col] = float32(scaleOf(from.scale, first+col) * row[col*from.out+position])
			}
		}
	}
	return nil
}

// transform packs the filters of one output channel, [k][9], for winograd.
func transform(dst []float32, row []float64, scale float64, edge int, to *panels) {
	for c := range to.k {
		u := tile.Filter(edge, [9]float64(row[9*c:9*c+9]), scale)
		for f := range to.taps {
			dst[(f*to.k+c)*to.tile.Cols] = float32(u[f])
		}
	}
}

func scaleOf(scale []float64, o int) float64 {
	if scale == nil {
		return 1
	}
	return scale[o]
}

// scratch reads weights of any type, piece by piece, so that a file in half
// precision is never in memory twice.
type scratch struct {
	single []float32
	double []float64
}

// read returns elements from, from+1, … of t, valid until the next call.
func (s *scratch) read(t *tensor.Tensor, from, n int) ([]float64, error) {
	if t.DType() == tensor.Float64 {
		data, err := tensor.Data[float64](t)
		if err != nil {
			return nil, err
		}
		return data[from : from+n], nil
	}
	if cap(s.single) < n {
		s.single, s.double = make([]float32, n), make([]float64, n)
	}
	single, double := s.single[:n], s.double[:n]
	if err := t.ConvertFloat32(single, from); err != nil {
		return nil, err
	}
	for i, v := range single {
		double[i] = float64(v)
	}
	return double, nil
}

// padBias returns bias as the tiles read it, of zeros if it is nil.
func padBias(bias []float64, p *panels) []float32 {
	padded := alignedFloats(p.groups * p.count * p.tile.Cols)
	for i, b := range bias {
		padded[i/p.channels*p.count*p.tile.Cols+i%p.channels] = float32(b)
	}
	return padded
}
