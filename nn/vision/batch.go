package vision

import (
	"context"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// batchPixels limits the pictures that share a run when nobody says how many
// may: memory grows with them, and a large picture keeps a CPU busy by itself.
const batchPixels = 1 << 21

// A batch is samples that share a run, all padded to one size and with the same
// room for their pixels.
type batch struct {
	h, w, room int
	samples    []int // indices
}

// batches groups samples: all together, or those of equal padded size and room.
func (d *Detector) batches(samples []sample) []batch {
	var list []batch
	if d.padding && len(samples) > 0 {
		list = []batch{{}}
		for i, s := range samples {
			b := &list[0]
			b.h, b.w, b.room, b.samples = max(b.h, s.th), max(b.w, s.tw), max(b.room, s.room()), append(b.samples, i)
		}
		return list
	}
	open := make(map[[3]int]int) // size and room to the index of a batch that has places
	for i, s := range samples {
		k, ok := open[[3]int{s.th, s.tw, s.room()}]
		if !ok || (len(list[k].samples)+1)*s.th*s.tw > d.pixels {
			k = len(list)
			open[[3]int{s.th, s.tw, s.room()}] = k
			list = append(list, batch{h: s.th, w: s.tw, room: s.room()})
		}
		list[k].samples = append(list[k].samples, i)
	}
	return list
}

// detect runs samples in batches and returns what is found in each.
func (d *Detector) detect(ctx context.Context, samples []sample) ([]*Detections, error) {
	found := make([]*Detections, len(samples))
	for _, b := range d.batches(samples) {
		out, err := d.run(ctx, b, samples)
		if err != nil {
			return nil, err
		}
		for n, i := range b.samples {
			if found[i], err = d.read(out, n, samples[i]); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// run returns the network's outputs for a batch.
func (d *Detector) run(ctx context.Context, b batch, samples []sample) ([]*tensor.Tensor, error) {
	n := len(b.samples)
	pictures, err := tensor.New(tensor.Uint8, n, b.room)
	if err != nil {
		return nil, err
	}
	sizes := make([]int32, 0, 5*n)
	for k, i := range b.samples {
		s := samples[i]
		copy(pictures.Bytes()[k*b.room:], s.pixels)
		sizes = append(sizes, int32(s.ph), int32(s.pw), int32(s.oh), int32(s.ow), int32(s.bytes))
	}
	size, err := tensor.Of(sizes, n, 5)
	if err != nil {
		return nil, err
	}
	canvas, err := tensor.New(tensor.Uint8, 1, 0, b.h, b.w) // only its shape is of use
	if err != nil {
		return nil, err
	}
	out, err := d.net.Run(ctx, pictures, size, canvas)
	if err != nil {
		return nil, err
	}
	return deliver(d.net, d.taps, out), nil
}

// outputs are the tensors of a run as slices.
type outputs struct {
	boxes  []float32
	labels []int64
	scores []float32
	count  []int32
	masks  []float32
	points []float32
	places int // per picture
	side   int // of a mask
}

func readOutputs(out []*tensor.Tensor, a Architecture) (o outputs, err error) {
	if o.boxes, err = tensor.Data[float32](out[0]); err != nil {
		return o, err
	}
	if o.labels, err = tensor.Data[int64](out[1]); err != nil {
		return o, err
	}
	if o.scores, err = tensor.Data[float32](out[2]); err != nil {
		return o, err
	}
	if o.count, err = tensor.Data[int32](out[3]); err != nil {
		return o, err
	}
	o.places = out[0].Shape()[1]
	if a.Masks {
		o.masks, err = tensor.Data[float32](out[4])
		o.side = out[4].Shape()[3]
	}
	if a.Keypoints > 0 {
		o.points, err = tensor.Data[float32](out[4])
	}
	return o, err
}

// read returns the objects of picture n of a run, in pixels of the picture.
func (d *Detector) read(out []*tensor.Tensor, n int, s sample) (*Detections, error) {
	o, err := readOutputs(out, d.arch)
	if err != nil {
		return nil, err
	}
	first, count := n*o.places, min(max(int(o.count[n]), 0), o.places)
	f := &Detections{
		Width: s.w, Height: s.h,
		Boxes: make([][4]float32, count), Labels: make([]int, count),
		Names: make([]string, count), Scores: make([]float32, count),
	}
	x, y := float32(s.w)/float32(s.ow), float32(s.h)/float32(s.oh)
	for i := range count {
		b := o.boxes[4*(first+i):]
		f.Boxes[i] = [4]float32{b[0] * x, b[1] * y, b[2] * x, b[3] * y}
		f.Labels[i] = int(o.labels[first+i])
		f.Scores[i] = o.scores[first+i]
		if l := f.Labels[i]; l >= 0 && l < len(d.names) {
			f.Names[i] = d.names[l]
		}
	}
	if o.masks != nil {
		f.Masks = make([]picture.Mask, count)
		area := o.side * o.side
		probs := append([]float32(nil), o.masks[first*area:(first+count)*area]...) // the unused places can go
		for i := range f.Masks {
			f.Masks[i] = picture.Mask{Probs: probs[i*area : (i+1)*area : (i+1)*area], Size: o.side,
				Box: f.Boxes[i], W: s.w, H: s.h}
		}
	}
	if o.points != nil {
		f.Keypoints = make([][]picture.Keypoint, count)
		for i := range f.Keypoints {
			points := make([]picture.Keypoint, d.arch.Keypoints)
			for k := range points {
				p := o.points[3*((first+i)*len(points)+k):]
				points[k] = picture.Keypoint{X: p[0] * x, Y: p[1] * y, Score: p[2]}
			}
			f.Keypoints[i] = points
		}
	}
	return f, nil
}
