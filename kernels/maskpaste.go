package kernels

import (
	"unsafe"

	"github.com/argand-go/argand/nn/op"
)

// pastedRows is how many rows of a picture an item of a pasting has.
const pastedRows = 64

// A pasting is the kernel of MaskPaste; its items are runs of rows of one mask.
type pasting struct {
	threshold  float32
	masks, out *value
	boxes      *value
	size       int // of a mask
	width      int // of the picture
	spans      spans
}

func (p *planner) maskPaste(n *op.Node, o *op.MaskPaste) {
	k := &pasting{threshold: o.Threshold, masks: p.read(n, 0), boxes: p.read(n, 1), out: p.write(n, 0)}
	k.size, k.width = k.masks.spec.Shape[1], p.specs[n.In[2]].Shape[3]
	k.spans = spans{k.out.spec.Shape[1], pastedRows}
	p.addStep(n, "", k.out, k)
}

func (k *pasting) items(masks int) int { return masks * k.spans.items() }

func (k *pasting) do(l *lane, _, i int) {
	d := i / k.spans.items()
	first, end := k.spans.of(i % k.spans.items())
	height, words := k.out.spec.Shape[1], k.out.spec.Shape[2]
	out := l.u64(k.out)[(d*height+first)*words : (d*height+end)*words]
	clear(out)
	left, top, w, h, ok := op.MaskBox([4]float32(l.mem[k.boxes.at(d, 0, 0):]), k.size)
	from, to := max(left, 0), min(left+w, k.width)
	if !ok || from >= to {
		return
	}
	n, width := k.size+2, to-from // with the ring of zeros
	scratch := l.floats(4*width + n)
	columns := l.axis(scratch[:width], n, w, from-left)
	rows := [2][]float32{scratch[width : 2*width], scratch[2*width : 3*width]}
	probs, ring := scratch[3*width:4*width], scratch[4*width:]
	mask := l.mem[k.masks.at(d, 0, 0):][:k.size*k.size]
	held := [2]int{-1, -1}
	wide := func(y int) []float32 {
		slot := y & 1
		if held[slot] != y {
			clear(ring)
			if y > 0 && y <= k.size {
				copy(ring[1:], mask[(y-1)*k.size:y*k.size])
			}
			columns.scale(rows[slot], ring)
			held[slot] = y
		}
		return rows[slot]
	}
	for y := max(first, top); y < min(end, top+h); y++ {
		low, high, share := op.Between(y-top, n, h)
		if share == 0 {
			high = low
		}
		blend(probs, wide(low), wide(high), share)
		row := out[(y-first)*words:]
		for x, p := range probs {
			if p >= k.threshold {
				row[(from+x)>>6] |= 1 << ((from + x) & 63)
			}
		}
	}
}

// u64 returns the elements of a uint64 value.
func (r *run) u64(v *value) []uint64 {
	if n := v.spec.Shape.Len(); n > 0 {
		return unsafe.Slice((*uint64)(unsafe.Pointer(&r.mem[v.off])), n)
	}
	return nil
}
