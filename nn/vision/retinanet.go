package vision

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// DefaultRetinaNet returns what torchvision's builders retinanet_resnet50_fpn
// and retinanet_resnet50_fpn_v2 use.
func DefaultRetinaNet() Settings {
	s := Settings{
		Transform:      detectorTransform(),
		Eps:            nn.DefaultEps,
		AnchorRatios:   []float64{0.5, 1, 2},
		ScoreThreshold: 0.05,
		NMSThreshold:   0.5,
		MaxDetections:  300,
		Candidates:     1000,
	}
	for _, side := range []int{32, 64, 128, 256, 512} { // and two more a third of an octave apart, rounded down
		third := func(n float64) int { return int(float64(side) * math.Pow(2, n/3)) }
		s.AnchorSizes = append(s.AnchorSizes, []int{side, third(1), third(2)})
	}
	return s
}

// retinaNetFamily recognises RetinaNet.
func retinaNetFamily() family {
	return family{
		name: "RetinaNet",
		task: Detection,
		keys: []string{"backbone.body.layer2.0.conv1", "backbone.fpn", "head.classification_head.cls_logits",
			"head.regression_head.bbox_reg"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a := recognizeDense(w, "retinanet_")
			if w.At("head.classification_head.conv.0.1").Exists() {
				a.Name += "_v2"
			}
			return a, nil
		},
		defaults: func(Architecture) Settings { return DefaultRetinaNet() },
		detector: func(w nn.Weights, _ Architecture, s Settings) finder { return NewRetinaNet(w, s) },
	}
}

// recognizeDense names a one-stage detector of a kind.
func recognizeDense(w nn.Weights, kind string) Architecture {
	a := recognizeTrunk(w.At("backbone.body"))
	a.Pyramid = extent(renamed(w.At("backbone.fpn"), "inner_blocks.0", "inner_blocks.0.0"), "weight", 0, 0)
	a.Anchors = extent(w, "head.regression_head.bbox_reg.weight", 0, 0) / 4
	a.Classes = extent(w, "head.classification_head.cls_logits.weight", 0, 0) / max(a.Anchors, 1)
	a.Name = kind + a.Name + "_fpn"
	return a
}

// RetinaNet is the detector of Lin et al., "Focal Loss for Dense Object
// Detection" (2017), figure 3, on a ResNet: torchvision's retinanet_resnet50_fpn,
// and its second version, retinanet_resnet50_fpn_v2, whose hidden layers have
// group norms. Its class 0 is one like the others: networks that were trained
// as torchvision's never find it.
type RetinaNet struct {
	path       string
	backbone   *densePyramid
	class, box nn.Sequential // hidden layers of the two heads
	logits     *nn.Conv2d    // of class
	deltas     *nn.Conv2d    // of box
	detections op.DenseDetections
}

// NewRetinaNet reads a detector; which version, the checkpoint tells. What is
// missing, misshapen or left over is for w.Err("RetinaNet") to report.
func NewRetinaNet(w nn.Weights, c Settings) *RetinaNet {
	head := w.At("head")
	m := &RetinaNet{path: head.Path(), backbone: newDensePyramid(w.At("backbone"), c.Eps), detections: denseDetections(c)}
	class, box, channels := head.At("classification_head"), head.At("regression_head"), m.backbone.fpn.Channels()
	anchors, classes := countDense(head, c)
	m.class = newHidden(class, channels, retinaLayer)
	m.logits = newOutput(class.At("cls_logits"), channels, anchors*classes)
	m.box = newHidden(box, channels, retinaLayer)
	m.deltas = newOutput(box.At("bbox_reg"), channels, 4*anchors)
	return m
}

// Forward returns the objects in an image (N, 3, H, W), normalised and padded,
// of pictures whose heights and widths without padding are sizes (N, 2).
func (m *RetinaNet) Forward(image, sizes nn.Value) Found {
	var logits, deltas []nn.Value
	for _, p := range m.backbone.Forward(image) {
		logits = append(logits, m.logits.Forward(m.class.Forward(p)))
		deltas = append(deltas, m.deltas.Forward(m.box.Forward(p)))
	}
	var o Objects
	o.Boxes, o.Labels, o.Scores, o.Count = nn.DenseDetections(m.path, m.detections, sizes, image, logits, deltas, nil)
	return Found{Objects: o}
}

// retinaLayer reads hidden layer i of a head: a convolution and, in the second
// version, a group norm instead of its bias. Before torchvision 0.13, version 2 of
// the head, the activations were layers as well.
func retinaLayer(w nn.Weights, i, channels int) nn.Sequential {
	layer := fmt.Sprintf("conv.%d", i)
	conv := renamed(w, fmt.Sprintf("conv.%d", 2*i), layer+".0")
	spatial := nn.Conv{Kernel: 3, Padding: 1}
	if norm := w.At(layer + ".1"); norm.Exists() {
		return nn.Sequential{nn.NewConv2d(conv, channels, channels, spatial), newHeadNorm(norm, channels)}
	}
	spatial.Bias = true
	return nn.Sequential{nn.NewConv2d(conv, channels, channels, spatial)}
}
