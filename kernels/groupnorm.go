package kernels

import (
	"math"
	"unsafe"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// groupNorm is what the three steps of a GroupNorm share: sums over some pixels
// of a picture, what they make of each channel, and the normalisation.
type groupNorm struct {
	*op.GroupNorm
	out, x   *value
	residual *value    // nil for none
	sums     *value    // of each picture, span and group: Σx and Σx², two float64
	affine   *value    // of each picture: scale (C) and shift (C)
	spans    spans     // of the pixels of one picture
	act      tile.Rows // nil for none
	row      []int     // one row, the first, for act
}

func (p *planner) groupNorm(n *op.Node, o *op.GroupNorm) {
	k := &groupNorm{GroupNorm: o, out: p.write(n, 0), x: p.read(n, 0), row: []int{0}}
	if o.Residual != op.NoResidual {
		k.residual = p.read(n, 1)
	}
	k.act = rowsOf(&p.model.tier.Vectors, o.Act)
	k.spans = spansOf(k.x.h*k.x.w, k.x.c)
	k.sums = p.scratch(4 * k.x.n * k.spans.items() * o.Groups)
	k.affine = p.scratch(2 * k.x.n * k.x.c)
	for _, step := range []kernel{groupSums{k}, groupMoments{k}, groupAffine{k}} {
		p.addStep(n, "", k.out, step)
		p.program.steps[len(p.program.steps)-1].begins = true
	}
	p.program.steps[len(p.program.steps)-1].begins = false
}

// sumsOf returns the sums of all groups of a span of a picture. They are
// float64, in which the squares of numbers far from zero leave a variance.
func (k *groupNorm) sumsOf(l *lane, n, span int) []float64 {
	sums := unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(l.f32(k.sums)))), k.sums.floats()/2)
	return sums[(n*k.spans.items()+span)*2*k.Groups:][:2*k.Groups]
}

// affineOf returns what the channels of a picture are multiplied by and moved by.
func (k *groupNorm) affineOf(l *lane, n int) (scale, shift []float32) {
	both := l.f32(k.affine)[2*n*k.x.c:][:2*k.x.c]
	return both[:k.x.c], both[k.x.c:]
}

// groupSums adds up; its items are spans of pictures.
type groupSums struct{ *groupNorm }

func (k groupSums) items(rows int) int { return rows * k.spans.items() }

func (k groupSums) do(l *lane, _, i int) {
	n, span := i/k.spans.items(), i%k.spans.items()
	sums, size := k.sumsOf(l, n, span), k.x.c/k.Groups
	clear(sums)
	first, end := k.spans.of(span)
	for p := first; p < end; p++ {
		x := l.mem[k.x.at(n, 0, 0)+p*k.x.stride:][:k.x.c]
		for g := range k.Groups {
			var sum, squares float64
			for _, v := range x[g*size:][:size] {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			sums[2*g] += sum
			sums[2*g+1] += squares
		}
	}
}

// groupMoments makes scales and shifts of the sums; its items are pictures.
type groupMoments struct{ *groupNorm }

func (k groupMoments) items(rows int) int { return rows * min(1, k.spans.items()) }

func (k groupMoments) do(l *lane, _, n int) {
	total := k.sumsOf(l, n, 0)
	for span := 1; span < k.spans.items(); span++ {
		for i, s := range k.sumsOf(l, n, span) {
			total[i] += s
		}
	}
	scales, shifts := k.affineOf(l, n)
	size := k.x.c / k.Groups
	count := float64(size * k.x.h * k.x.w)
	for c := range scales {
		g := c / size
		mean := total[2*g] / count
		variance := max(total[2*g+1]/count-mean*mean, 0)
		scale, shift := 1/math.Sqrt(variance+k.Eps), 0.0
		if k.Scale != nil {
			scale *= k.Scale[c]
		}
		if k.Bias != nil {
			shift = k.Bias[c]
		}
		scales[c], shifts[c] = float32(scale), float32(shift-mean*scale)
	}
}

// groupAffine computes act(scale·x + shift + residual); its items are spans of
// pictures.
type groupAffine struct{ *groupNorm }

func (k groupAffine) items(rows int) int { return rows * k.spans.items() }

func (k groupAffine) do(l *lane, _, i int) {
	n, span := i/k.spans.items(), i%k.spans.items()
	scale, shift := k.affineOf(l, n)
	first, end := k.spans.of(span)
	for p := first; p < end; p++ {
		y := l.mem[k.out.at(n, 0, 0)+p*k.out.stride:][:k.out.c]
		l.vectors.Mul(y, l.mem[k.x.at(n, 0, 0)+p*k.x.stride:][:len(y)], scale)
		l.vectors.Add(y, y, shift)
		if k.residual != nil {
			l.vectors.Add(y, y, l.mem[k.residual.at(n, 0, 0)+p*k.residual.stride:][:len(y)])
		}
		if k.act != nil {
			k.act(y, y, k.row, len(y))
		}
	}
}
