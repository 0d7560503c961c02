//go:build linux && cgo && !nocuda

package cuda

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// The blocks of the kernels that sort, and of nms_f32.
const (
	warp        = 32
	sortTile    = 4096 // keys in shared memory
	sortThreads = 1024
	nmsThreads  = 512
)

// f32 is a number.
type f32 float32

func (x f32) appendTo(list []driver.Argument, _ *driver.Buffer) []driver.Argument {
	return append(list, driver.Float32(float32(x)))
}

// candidates are where the scored boxes of several categories are, of which
// the best are to be kept, as nms_f32 has them.
type candidates struct {
	pictures, categories, places int
	reports                      int // tallies of a picture

	keys, boxes, tallies *value
	lengths              *value // nil for lists that are as long as there are places
}

func (p *planner) candidates(pictures, categories, places, reports int) *candidates {
	c := &candidates{pictures: pictures, categories: categories, places: places, reports: reports}
	c.keys = p.temporary(8 * c.length())
	c.boxes = p.temporary(16 * c.length())
	c.tallies = p.temporary(8 * pictures * reports)
	return c
}

// length returns how many candidates there are at most.
func (c *candidates) length() int { return c.pictures * c.categories * c.places }

// temporary returns memory that the node being planned works in.
func (p *planner) temporary(bytes int) *value {
	return p.hold(&value{bytes: int64(bytes), first: -1})
}

// selected are the results of a selection: labels and scores may be nil.
type selected struct {
	boxes, labels, scores, counts *value
	places                        int // of a picture
}

// suppress plans that the best candidates are selected. first is the number of
// the first category in the shift of boxes (see [op.CoordinateTrick]).
func (p *planner) suppress(c *candidates, threshold float64, first int, out selected) {
	if c.pictures == 0 {
		return
	}
	m, categories := min(out.places, c.places), c.categories // the most that a category has in the result
	kept := p.temporary(8 * c.pictures * categories * m)
	chosen := p.temporary(16 * c.pictures * categories * m)
	counts := p.temporary(4 * c.pictures * categories)
	if m == 0 {
		categories = 0
	}
	if categories > 0 {
		p.launch("nms_f32", [3]uint32{uint32(categories), uint32(c.pictures)}, [3]uint32{nmsThreads},
			c.keys, c.lengths, c.boxes, c.tallies, kept, chosen, counts,
			i32(c.places), i32(c.reports), i32(m), f32(down(threshold)), i32(op.CoordinateTrick), i32(first))
	}
	stride := out.places
	if out.scores != nil {
		stride = out.scores.stride
	}
	warps := max(categories*m, stride, 1)
	p.each("nms_merge_f32", c.pictures*warps*warp,
		kept, counts, c.boxes, out.boxes, out.labels, out.scores, out.counts,
		i32(c.pictures), i32(warps), i32(categories), i32(m), i32(c.categories*c.places), i32(out.places), i32(stride))
}

// down returns the greatest float32 that is no greater than x: a float32 is
// greater than x if it is greater than that.
func down(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		return math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// lacksThreshold says what there is no kernel for: a threshold below 0, for
// which boxes that do not overlap would suppress each other.
func lacksThreshold(o op.Op, threshold float64) string {
	if threshold < 0 {
		return fmt.Sprintf("%s with an NMS threshold below 0", o.Name())
	}
	return ""
}
