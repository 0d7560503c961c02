package vision

import (
	"context"
	"slices"
	"sync"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// pastedBytes limits the bits that masks take together in one run.
const pastedBytes = 64 << 20

// Bitmaps returns the pixels of every object of a picture, from [MaskThreshold]
// on: the same as Binary of its mask, but pasted where the detector runs, on a
// GPU or on all cores, and with the whole picture in memory. It is for callers
// that want all masks at full size; who wants a few, or run lengths, asks the
// masks themselves, which stay as they are. It returns nil for the objects of a
// Faster R-CNN, and the errors of nn.Compile, the first time, and of Run.
func (d *Detector) Bitmaps(ctx context.Context, found *Detections) ([]*picture.Bitmap, error) {
	if found == nil || found.Masks == nil {
		return nil, nil
	}
	net, err := d.paste.network(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]*picture.Bitmap, len(found.Masks))
	var together []int // of the first one's size; others are none of this detector's
	for i := range found.Masks {
		if m, first := &found.Masks[i], &found.Masks[0]; m.Size > 0 && len(m.Probs) == m.Size*m.Size &&
			m.Size == first.Size && m.W == first.W && m.H == first.H && min(m.W, m.H) > 0 {
			together = append(together, i)
		} else {
			list[i] = m.Binary(MaskThreshold)
		}
	}
	if len(together) == 0 {
		return list, nil
	}
	row := (found.Masks[together[0]].W + 63) / 64
	most := max(1, pastedBytes/8/row/found.Masks[together[0]].H)
	for some := range slices.Chunk(together, most) {
		if err := paste(ctx, net, list, found.Masks, some); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// paste makes the bitmaps of some masks, which are all of one size.
func paste(ctx context.Context, net *nn.Network, list []*picture.Bitmap, masks []picture.Mask, some []int) error {
	var probs, boxes []float32
	for _, i := range some {
		probs, boxes = append(probs, masks[i].Probs...), append(boxes, masks[i].Box[:]...)
	}
	m, n := masks[some[0]], len(some)
	in := make([]*tensor.Tensor, 3)
	var err error
	if in[0], err = tensor.Of(probs, n, m.Size, m.Size); err != nil {
		return err
	}
	if in[1], err = tensor.Of(boxes, n, 4); err != nil {
		return err
	}
	if in[2], err = tensor.New(tensor.Uint8, 1, 0, m.H, m.W); err != nil { // only its shape is of use
		return err
	}
	out, err := net.Run(ctx, in...)
	if err != nil {
		return err
	}
	words, err := tensor.Data[uint64](out[0])
	if err != nil {
		return err
	}
	of := len(words) / n
	for k, i := range some {
		if list[i], err = picture.NewBitmap(m.W, m.H, words[k*of:(k+1)*of:(k+1)*of]); err != nil {
			return err
		}
	}
	return nil
}

// A paster is the network that pastes masks, compiled when it is first wanted.
type paster struct {
	backend op.Backend
	options []nn.Option

	mu     sync.Mutex
	net    *nn.Network
	closed bool
}

func (p *paster) network(ctx context.Context) (net *nn.Network, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, op.ErrClosed
	case p.net != nil:
		return p.net, nil
	}
	inputs := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Uint8}
	p.net, err = nn.CompileFunc(ctx, p.backend, inputs, func(in ...nn.Value) []nn.Value {
		return []nn.Value{nn.MaskPaste("paste", op.MaskPaste{Threshold: MaskThreshold}, in[0], in[1], in[2])}
	}, p.options...)
	return p.net, err
}

func (p *paster) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.net == nil {
		return nil
	}
	net := p.net
	p.net = nil
	return net.Close()
}
