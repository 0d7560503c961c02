package kernels

import "github.com/argand-go/argand/nn/op"

// A maximum is the kernel of MaxPool2d.
type maximum struct {
	out, x         *value
	kernel         [2]int
	stride, before [2]int
	max            func(dst, x []float32)
	spans          spans // of rows of pixels
}

func (p *planner) maxPool2d(n *op.Node, o *op.MaxPool2d) {
	k := &maximum{out: p.write(n, 0), x: p.read(n, 0), max: p.model.tier.Max}
	k.kernel, k.stride, k.before = o.Window()
	k.spans = spansOf(k.out.n*k.out.h, k.out.w*k.out.c*k.kernel[0]*k.kernel[1])
	p.addStep(n, "", k.out, k)
}

func (k *maximum) pixelRows(rows int) spans { return k.spans.upTo(rows * k.out.h) }

func (k *maximum) items(rows int) int { return k.pixelRows(rows).items() }

func (k *maximum) do(l *lane, rows, i int) {
	first, end := k.pixelRows(rows).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		// Padding is at most half a kernel, so every window has a pixel.
		y0, y1 := window(y*k.stride[0]-k.before[0], k.kernel[0], k.x.h)
		for x := range k.out.w {
			x0, x1 := window(x*k.stride[1]-k.before[1], k.kernel[1], k.x.w)
			dst := l.mem[k.out.at(n, y, x):][:k.out.c]
			copy(dst, l.mem[k.x.at(n, y0, x0):])
			for v := y0; v < y1; v++ {
				for u := x0; u < x1; u++ {
					if v > y0 || u > x0 {
						k.max(dst, l.mem[k.x.at(n, v, u):][:len(dst)])
					}
				}
			}
		}
	}
}

// window cuts size pixels from first on to those within 0 … limit−1.
func window(first, size, limit int) (from, to int) { return max(first, 0), min(first+size, limit) }

// A mean is the kernel of GlobalAvgPool2d. It adds in float64: a map may have
// many pixels.
type mean struct {
	out, x *value
	spans  spans // of cache lines of channels of all images
}

// lines returns how many cache lines the channels of a pixel take.
func (k *mean) lines() int { return (k.out.c + lineFloats - 1) / lineFloats }

func (p *planner) globalAvgPool2d(n *op.Node) {
	k := &mean{out: p.write(n, 0), x: p.read(n, 0)}
	k.spans = spansOf(k.out.n*k.lines(), k.x.h*k.x.w*lineFloats)
	p.addStep(n, "", k.out, k)
}

func (k *mean) items(rows int) int { return k.spans.upTo(rows * k.lines()).items() }

func (k *mean) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows * k.lines()).of(i)
	pixels := k.x.h * k.x.w
	for line := first; line < end; line++ {
		n, c := line/k.lines(), line%k.lines()*lineFloats
		m := min(lineFloats, k.out.c-c)
		var sums [lineFloats]float64
		for p := range pixels {
			for j, x := range l.mem[k.x.at(n, 0, 0)+p*k.x.stride+c:][:m] {
				sums[j] += float64(x)
			}
		}
		dst := l.mem[k.out.at(n, 0, 0)+c:][:m]
		for j := range dst {
			dst[j] = float32(sums[j] / float64(pixels))
		}
	}
}
