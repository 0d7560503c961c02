package vision

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// DefaultSSD returns what torchvision's builder ssd300_vgg16 uses. Pictures are
// scaled to 300×300 pixels, their aspect ratio lost.
func DefaultSSD() Settings {
	return Settings{
		Transform: Transform{
			Mean:    [3]float32{0.48235, 0.45882, 0.40784},
			Std:     [3]float32{1. / 255, 1. / 255, 1. / 255},
			Fixed:   [2]int{300, 300},
			Divisor: 1,
		},
		Eps:            nn.DefaultEps,
		BoxScales:      []float64{0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05},
		BoxSteps:       []float64{8, 16, 32, 64, 100, 300},
		ScoreThreshold: 0.01,
		NMSThreshold:   0.45,
		Candidates:     400,
		MaxDetections:  200,
	}
}

// ssdFamily recognises SSD300.
func ssdFamily() family {
	return family{
		name: "SSD",
		task: Detection,
		keys: []string{"backbone.scale_weight", "backbone.extra.0", "head.classification_head.module_list.0.weight",
			"head.regression_head.module_list.0.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			b := w.At("backbone")
			depth := vggDepth(b.At("features"), 0) + vggDepth(b.At("extra.0"), 1) + 3 // fully connected layers count
			a := Architecture{Name: fmt.Sprintf("ssd300_vgg%d", depth),
				Width: extent(b, "features.0.weight", 0, 0), published: 64}
			return recognizeDefaultBoxes(w.At("head"), a, ".weight")
		},
		defaults: func(Architecture) Settings { return DefaultSSD() },
		detector: func(w nn.Weights, _ Architecture, s Settings) finder { return NewSSD(w, s) },
	}
}

// ssdLevels is how many feature maps torchvision's SSDs look at.
const ssdLevels = 6

// recognizeDefaultBoxes completes a with the number of classes that the heads
// under w have, the names of whose last convolutions end on last. It returns an
// [*UnsupportedArchitectureError] for other numbers of levels or boxes than are
// known.
func recognizeDefaultBoxes(w nn.Weights, a Architecture, last string) (Architecture, error) {
	places, ok := placesOf(w, last)
	if !ok {
		want := fmt.Sprintf("SSDs of %d levels with 4 or 6 default boxes at each place are", ssdLevels)
		return a, &UnsupportedArchitectureError{a.Name, want}
	}
	a.Classes = extent(w, "classification_head.module_list.0"+last, 0, 0) / places[0]
	return a, nil
}

// placesOf returns how many default boxes each place of each level has, and
// whether they are as many as are known.
func placesOf(w nn.Weights, last string) (places [ssdLevels]int, ok bool) {
	name := "regression_head.module_list.%d" + last
	ok = !w.Has(fmt.Sprintf(name, ssdLevels))
	for l := range places {
		switch n := extent(w, fmt.Sprintf(name, l), 0, 0); n {
		case 4 * 4, 4 * 6:
			places[l] = n / 4
		default:
			places[l], ok = 4, false
		}
	}
	return places, ok
}

// SSD is the detector of Liu et al., "SSD: Single Shot MultiBox Detector"
// (2016), figure 2: what feature maps of six sizes say of default boxes is all
// there is. It is torchvision's ssd300_vgg16 and ssdlite320_mobilenet_v3_large.
type SSD struct {
	path           string
	body           body
	logits, deltas []nn.Module // per level
	detections     op.SSDDetections
}

// NewSSD reads an SSD300 on a VGG. The channels of its trunk, the numbers of
// convolutions, of default boxes at a place and of classes are those of the
// checkpoint. What is missing, misshapen or left over is for w.Err("SSD") to
// report.
func NewSSD(w nn.Weights, s Settings) *SSD {
	b, channels := newSSDBody(w.At("backbone"), s.Eps)
	head := func(w nn.Weights, in, out int) nn.Module {
		return nn.NewConv2d(w, in, out, nn.Conv{Kernel: 3, Padding: 1, Bias: true})
	}
	return newSSD(w, b, channels, ".weight", head, s)
}

// newSSD reads the heads on feature maps of the given channels, whose last
// convolutions have names that end on last.
func newSSD(w nn.Weights, b body, channels []int, last string,
	head func(w nn.Weights, in, out int) nn.Module, s Settings) *SSD {
	w = w.At("head")
	m := &SSD{path: w.Path(), body: b}
	places, _ := placesOf(w, last)
	classes := s.Classes
	if classes == 0 {
		classes = max(1, extent(w, "classification_head.module_list.0"+last, 0, 91*places[0])/places[0])
	}
	var ratios [][]float64
	for l, in := range channels {
		name := fmt.Sprintf("module_list.%d", l)
		m.logits = append(m.logits, head(w.At("classification_head").At(name), in, classes*places[l]))
		m.deltas = append(m.deltas, head(w.At("regression_head").At(name), in, 4*places[l]))
		ratios = append(ratios, []float64{2, 3}[:places[l]/2-1])
	}
	m.detections = op.SSDDetections{
		DefaultBoxes:   DefaultBoxes(s.BoxScales, ratios),
		Steps:          s.BoxSteps,
		ScoreThreshold: s.ScoreThreshold,
		NMSThreshold:   s.NMSThreshold,
		Candidates:     s.Candidates,
		Max:            s.MaxDetections,
		Weights:        [4]float32{10, 10, 5, 5},
	}
	return m
}

// Forward returns the objects in an image (N, 3, H, W), normalised, of pictures
// whose heights and widths without padding are sizes (N, 2).
func (m *SSD) Forward(image, sizes nn.Value) Found {
	var logits, deltas []nn.Value
	for l, x := range m.body.maps(image) {
		logits, deltas = append(logits, m.logits[l].Forward(x)), append(deltas, m.deltas[l].Forward(x))
	}
	var o Objects
	o.Boxes, o.Labels, o.Scores, o.Count = nn.SSDDetections(m.path, m.detections, sizes, image, logits, deltas)
	return Found{Objects: o}
}

// An ssdBody is a VGG up to its last convolution, whose fully connected layers
// are convolutions, the first dilated; and four blocks more.
type ssdBody struct {
	fine   *vggTrunk // up to conv4_3
	norm   *nn.L2Norm
	coarse nn.Sequential // conv5_1 … conv7
	extra  []nn.Sequential
}

func newSSDBody(w nn.Weights, eps float64) (b *ssdBody, channels []int) {
	b = &ssdBody{fine: newVGGTrunk(w.At("features"), 0, 3, eps)}
	channels = []int{b.fine.channels}
	b.norm = nn.NewL2Norm(w, "scale_weight", b.fine.channels)

	first := w.At("extra.0")
	last := newVGGTrunk(first, 1, b.fine.channels, eps)
	b.coarse = append(nn.Sequential{nn.MaxPool2d{Kernel: 2}}, last.stages[0]...)
	fc := first.At(strconv.Itoa(last.next))
	out := extent(fc, "1.weight", 0, 1024)
	out2 := extent(fc, "3.weight", 0, out)
	b.coarse = append(b.coarse,
		nn.MaxPool2d{Kernel: 3, Stride: 1, Padding: 1},
		nn.NewConv2d(fc.At("1"), last.channels, out, nn.Conv{Kernel: 3, Padding: 6, Dilation: 6, Bias: true}),
		forward(nn.ReLU),
		nn.NewConv2d(fc.At("3"), out, out2, nn.Conv{Kernel: 1, Bias: true}),
		forward(nn.ReLU))
	channels = append(channels, out2)
	for i := 1; i < ssdLevels-1; i++ {
		spatial := nn.Conv{Kernel: 3, Stride: 2, Padding: 1, Bias: true}
		if i > 2 {
			spatial = nn.Conv{Kernel: 3, Bias: true}
		}
		block := w.At(fmt.Sprintf("extra.%d", i))
		in := channels[i]
		hidden := extent(block, "0.weight", 0, in/4)
		out := extent(block, "2.weight", 0, 2*hidden)
		b.extra = append(b.extra, nn.Sequential{
			nn.NewConv2d(block.At("0"), in, hidden, nn.Conv{Kernel: 1, Bias: true}), forward(nn.ReLU),
			nn.NewConv2d(block.At("2"), hidden, out, spatial), forward(nn.ReLU),
		})
		channels = append(channels, out)
	}
	return b, channels
}

// maps implements body: the six maps, the finest first. Of 300 pixels they have
// 38, 19, 10, 5, 3 and 1 a side: the third pooling rounds up.
func (b *ssdBody) maps(x nn.Value) []nn.Value {
	for i, stage := range b.fine.stages {
		if i > 0 {
			x = nn.MaxPool2d{Kernel: 2, Ceil: i == 3}.Forward(x)
		}
		x = stage.Forward(x)
	}
	m := []nn.Value{b.norm.Forward(x)}
	x = b.coarse.Forward(x)
	m = append(m, x)
	for _, block := range b.extra {
		x = block.Forward(x)
		m = append(m, x)
	}
	return m
}
