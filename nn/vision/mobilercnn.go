package vision

import "github.com/argand-go/argand/nn"

// DefaultMobileRCNN returns what torchvision's builder of Faster R-CNN on the
// pyramid of a MobileNetV3, fasterrcnn_mobilenet_v3_large_fpn, uses.
//
// The checkpoints of fasterrcnn_mobilenet_v3_large_320_fpn have the same keys and
// shapes. It differs by a MinSize of 320, a MaxSize of 640, and 150
// ProposalsBefore and ProposalsAfter; [WithPreset] of its weights sets them.
func DefaultMobileRCNN() Settings {
	s := DefaultRCNN()
	sizes := []int{32, 64, 128, 256, 512}
	s.AnchorSizes = [][]int{sizes, sizes, sizes}
	s.ProposalScore = 0.05
	return s
}

// A mobileBody is a [MobileNetV3] without its classifier, which gives a pyramid
// the maps of its last block with a stride, and of its last convolution. Both
// have 1/32 of the image's height and width.
type mobileBody struct{ strided, last nn.Sequential }

// newMobileBody reads the body of a pyramid, which tells the channels of the
// first of its maps. It returns those of both.
func newMobileBody(w, pyramid nn.Weights, eps float64) (b *mobileBody, channels []int) {
	table, _ := mobileTableOf(w)
	blocks := 0
	for i, stride := range table.strides {
		if stride > 1 {
			blocks = i + 1
		}
	}
	trunk, last := newMobileTrunk(w, eps, nn.NewFrozenBatchNorm2d, 1)
	strided := extent(renamed(pyramid, "inner_blocks.0", "inner_blocks.0.0"), "weight", 1, last/6)
	return &mobileBody{trunk[:1+blocks], trunk[1+blocks:]}, []int{strided, last}
}

// maps implements body.
func (b *mobileBody) maps(image nn.Value) []nn.Value {
	x := b.strided.Forward(image)
	return []nn.Value{x, b.last.Forward(x)}
}
