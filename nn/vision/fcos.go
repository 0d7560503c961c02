package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// DefaultFCOS returns what torchvision's builder fcos_resnet50_fpn uses. Its
// anchors are the places of each level: squares as wide as they are apart.
func DefaultFCOS() Settings {
	return Settings{
		Transform:      detectorTransform(),
		Eps:            nn.DefaultEps,
		AnchorSizes:    [][]int{{8}, {16}, {32}, {64}, {128}},
		AnchorRatios:   []float64{1},
		ScoreThreshold: 0.2,
		NMSThreshold:   0.6,
		MaxDetections:  100,
		Candidates:     1000,
	}
}

// fcosFamily recognises FCOS.
func fcosFamily() family {
	return family{
		name: "FCOS",
		task: Detection,
		keys: []string{"backbone.body.layer2.0.conv1", "backbone.fpn", "head.classification_head.cls_logits",
			"head.regression_head.bbox_reg", "head.regression_head.bbox_ctrness"},
		recognize: func(w nn.Weights) (Architecture, error) { return recognizeDense(w, "fcos_"), nil },
		defaults:  func(Architecture) Settings { return DefaultFCOS() },
		detector:  func(w nn.Weights, _ Architecture, s Settings) finder { return NewFCOS(w, s) },
	}
}

// FCOS is the detector of Tian et al., "FCOS: Fully Convolutional One-Stage Object
// Detection" (2019), figure 2, on a ResNet, with the center-ness beside the boxes
// as in "FCOS: A Simple and Strong Anchor-Free Object Detector" (2020):
// torchvision's fcos_resnet50_fpn. Its class 0 is one like the others: networks
// that were trained as torchvision's never find it.
type FCOS struct {
	path       string
	backbone   *densePyramid
	class, box nn.Sequential // hidden layers of the two heads
	logits     *nn.Conv2d    // of class
	deltas     *nn.Conv2d    // of box, as is centerness
	centerness *nn.Conv2d
	detections op.DenseDetections
}

// NewFCOS reads a detector. What is missing, misshapen or left over is for
// w.Err("FCOS") to report.
func NewFCOS(w nn.Weights, c Settings) *FCOS {
	head := w.At("head")
	m := &FCOS{path: head.Path(), backbone: newDensePyramid(w.At("backbone"), c.Eps), detections: denseDetections(c)}
	m.detections.Centerness = true
	class, box, channels := head.At("classification_head"), head.At("regression_head"), m.backbone.fpn.Channels()
	anchors, classes := countDense(head, c)
	m.class = newHidden(class, channels, fcosLayer)
	m.logits = newOutput(class.At("cls_logits"), channels, anchors*classes)
	m.box = newHidden(box, channels, fcosLayer)
	m.deltas = newOutput(box.At("bbox_reg"), channels, 4*anchors)
	m.centerness = newOutput(box.At("bbox_ctrness"), channels, anchors)
	return m
}

// Forward returns the objects in an image (N, 3, H, W), normalised and padded,
// of pictures whose heights and widths without padding are sizes (N, 2).
func (m *FCOS) Forward(image, sizes nn.Value) Found {
	var logits, deltas, centerness []nn.Value
	for _, p := range m.backbone.Forward(image) {
		box := m.box.Forward(p)
		logits = append(logits, m.logits.Forward(m.class.Forward(p)))
		deltas = append(deltas, nn.ReLU(m.deltas.Forward(box)))
		centerness = append(centerness, m.centerness.Forward(box))
	}
	var o Objects
	o.Boxes, o.Labels, o.Scores, o.Count = nn.DenseDetections(
		m.path, m.detections, sizes, image, logits, deltas, centerness)
	return Found{Objects: o}
}

// fcosLayer reads hidden layer i of a head: a convolution and a group norm. The
// activations are layers as well.
func fcosLayer(w nn.Weights, i, channels int) nn.Sequential {
	spatial := nn.Conv{Kernel: 3, Padding: 1, Bias: true}
	return nn.Sequential{
		nn.NewConv2d(w.At(fmt.Sprintf("conv.%d", 3*i)), channels, channels, spatial),
		newHeadNorm(w.At(fmt.Sprintf("conv.%d", 3*i+1)), channels),
	}
}
