package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// RPN is the region proposal network of Ren et al., "Faster R-CNN" (2015),
// section 3.1: the same small network slides over every level of a pyramid and
// says of each anchor whether it is an object and how to move it onto it.
type RPN struct {
	path           string
	conv           []*nn.Conv2d
	logits, deltas *nn.Conv2d
	proposals      op.Proposals
}

// NewRPN reads the network over features of the given channels. Its depth and
// the number of anchors of a place are those of the checkpoint.
func NewRPN(w nn.Weights, channels int, c Settings) *RPN {
	r := &RPN{path: w.Path(), proposals: op.Proposals{
		Anchors:        CellAnchors(c.AnchorSizes, c.AnchorRatios),
		PreNMS:         c.ProposalsBefore,
		PostNMS:        c.ProposalsAfter,
		NMSThreshold:   0.7,
		ScoreThreshold: c.ProposalScore,
		MinSize:        1e-3,
	}}
	head := w.At("head")
	spatial := nn.Conv{Kernel: 3, Padding: 1, Bias: true}
	layer := renamed(head, "conv", "conv.0.0")
	for i := 1; i == 1 || layer.Exists(); i++ {
		r.conv = append(r.conv, nn.NewConv2d(layer, channels, channels, spatial))
		layer = head.At(fmt.Sprintf("conv.%d.0", i))
	}
	anchors := extent(head, "cls_logits.weight", 0, len(c.AnchorRatios))
	r.logits = nn.NewConv2d(head.At("cls_logits"), channels, anchors, nn.Conv{Kernel: 1, Bias: true})
	r.deltas = nn.NewConv2d(head.At("bbox_pred"), channels, 4*anchors, nn.Conv{Kernel: 1, Bias: true})
	return r
}

// Forward returns proposals (N, R, 4) in pixels of the image, of which count
// (N) are used, from picture sizes (N, 2), the padded image and its pyramid.
func (r *RPN) Forward(sizes, image nn.Value, pyramid []nn.Value) (proposals, count nn.Value) {
	objectness, deltas := r.Head(pyramid)
	return nn.Proposals(r.path, r.proposals, sizes, image, objectness, deltas)
}

// Head returns, for each level of A anchors a place, the logits (N, A, h, w) of
// their being an object and the deltas (N, 4A, h, w) to its box.
func (r *RPN) Head(pyramid []nn.Value) (objectness, deltas []nn.Value) {
	for _, x := range pyramid {
		for _, conv := range r.conv {
			x = nn.ReLU(conv.Forward(x))
		}
		objectness = append(objectness, r.logits.Forward(x))
		deltas = append(deltas, r.deltas.Forward(x))
	}
	return objectness, deltas
}
