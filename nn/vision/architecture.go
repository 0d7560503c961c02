package vision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argand-go/argand/nn"
)

// Architecture is which network a checkpoint belongs to, as its names and
// shapes tell. Numbers that a network does not have are 0.
type Architecture struct {
	Name       string // torchvision's builder: "maskrcnn_resnet50_fpn", "resnext50_32x4d"
	Classes    int    // of a detector, the background included
	Layers     [4]int // residual blocks of each layer; [3 4 6 3] for a ResNet-50
	Bottleneck bool   // blocks of three convolutions, not two
	Width      int    // channels after the first convolution; 64 for every published ResNet, 16 for MobileNetV3
	Groups     int    // of the 3×3 convolutions; 32 for resnext50_32x4d
	GroupWidth int    // channels of a group of the first layer; 64 for a plain ResNet, 4 for resnext50_32x4d
	Pyramid    int    // channels of the feature pyramid; 256 for every published detector
	Anchors    int    // of each place of a level; 3 for every published ResNet detector
	Masks      bool   // Mask R-CNN
}

// Detector reports whether a is a network for [NewDetector].
func (a Architecture) Detector() bool { return a.Pyramid > 0 }

// mobile reports whether a is a [MobileNetV3].
func (a Architecture) mobile() bool { return strings.HasPrefix(a.Name, "mobilenet_v3") }

// String returns "maskrcnn_resnet50_fpn, 91 classes", and the width if it is
// not the published one.
func (a Architecture) String() string {
	s := a.Name
	if a.Classes > 0 {
		s += fmt.Sprintf(", %d classes", a.Classes)
	}
	published := 64
	if a.mobile() {
		published = 16
	}
	if a.Width > 0 && a.Width != published {
		s += fmt.Sprintf(", width %d", a.Width)
	}
	return s
}

// Recognize tells which network the checkpoint src belongs to. Checkpoints that
// training scripts wrap ("model.", "state_dict.", "module." before every key)
// are looked into.
//
// It returns an [*UnsupportedArchitectureError] for a network of torchvision
// that this package does not have, with the Name of the Architecture set, and
// an [*UnknownArchitectureError] for everything else.
func Recognize(src nn.Source) (Architecture, error) {
	a, _, err := recognize(src)
	return a, err
}

// recognize also returns src without what wraps it.
func recognize(src nn.Source) (Architecture, nn.Source, error) { return recognizeWithin(src, 0) }

// maxWrappers is how many wrappers a checkpoint may have around each other.
// Training scripts make three at most; a file's keys may be of any length.
const maxWrappers = 8

func recognizeWithin(src nn.Source, wrapped int) (Architecture, nn.Source, error) {
	a, err := recognizeKeys(src)
	if _, unknown := err.(*UnknownArchitectureError); !unknown || wrapped == maxWrappers {
		return a, src, err
	}
	for _, wrapper := range wrappers {
		inner := unwrap(src, wrapper)
		if len(inner.keys) == 0 {
			continue
		}
		if a, innermost, err := recognizeWithin(inner, wrapped+1); err == nil || a.Name != "" {
			return a, innermost, err
		}
	}
	return Architecture{}, src, err
}

func recognizeKeys(src nn.Source) (Architecture, error) {
	w := nn.NewWeights(src)
	for _, f := range unsupported {
		if f.fits(w) {
			return Architecture{Name: f.name}, &UnsupportedArchitectureError{Name: f.name}
		}
	}
	switch {
	case detector.fits(w):
		a := resnet(w.At("backbone.body"))
		a.Classes = extent(w, "roi_heads.box_predictor.cls_score.weight", 0, 0)
		a.Pyramid = extent(renamed(w.At("backbone.fpn"), "inner_blocks.0", "inner_blocks.0.0"), "weight", 0, 0)
		a.Anchors = extent(w, "rpn.head.cls_logits.weight", 0, 0)
		a.Masks = w.At("roi_heads.mask_predictor").Exists()
		a.Name = "fasterrcnn_" + a.Name + "_fpn"
		if a.Masks {
			a.Name = "maskrcnn_" + strings.TrimPrefix(a.Name, "fasterrcnn_")
		}
		return a, nil
	case classifier.fits(w):
		a := resnet(w)
		a.Classes = extent(w, "fc.weight", 0, 0)
		return a, nil
	case mobileClassifier.fits(w):
		table, ok := mobileTableOf(w.At("features"))
		if !ok {
			a := Architecture{Name: "mobilenet_v3"}
			return a, &UnsupportedArchitectureError{a.Name, "MobileNetV3s of 11 or 15 blocks are, the small and the large"}
		}
		return Architecture{
			Name:    table.name,
			Classes: extent(w, "classifier.3.weight", 0, 0),
			Width:   extent(w, "features.0.0.weight", 0, 0),
		}, nil
	}
	e := &UnknownArchitectureError{Looked: []string{classifier.String(), mobileClassifier.String(), detector.String()}}
	keys := src.Keys()
	e.Tensors = len(keys)
	e.Keys = slices.Clone(keys[:min(len(keys), 4)])
	return Architecture{}, e
}

// resnet names the trunk under w.
func resnet(w nn.Weights) Architecture {
	a := Architecture{Width: extent(w, "conv1.weight", 0, 0), Groups: 1}
	a.Bottleneck = w.At("layer1.0.conv3").Exists()
	for l := range a.Layers {
		for w.At(fmt.Sprintf("layer%d.%d", l+1, a.Layers[l])).Exists() {
			a.Layers[l]++
		}
	}
	width := extent(w, "layer1.0.conv2.weight", 0, 0)
	planes := width
	if a.Bottleneck {
		a.Groups = max(1, width/extent(w, "layer1.0.conv2.weight", 1, width+1))
		planes = extent(w, "layer1.0.conv3.weight", 0, 0) / 4
	}
	a.GroupWidth = 64 * width / a.Groups / max(planes, 1)
	a.Name = a.trunkName()
	return a
}

func (a Architecture) trunkName() string {
	depth := ""
	for d, layers := range map[string][4]int{
		"18": {2, 2, 2, 2}, "34": {3, 4, 6, 3}, "50": {3, 4, 6, 3}, "101": {3, 4, 23, 3}, "152": {3, 8, 36, 3},
	} {
		if layers == a.Layers && (len(d) == 2 && d < "50") != a.Bottleneck {
			depth = d
		}
	}
	if depth == "" {
		depth = fmt.Sprintf("_%d_%d_%d_%d", a.Layers[0], a.Layers[1], a.Layers[2], a.Layers[3])
	}
	switch {
	case a.Groups > 1:
		return fmt.Sprintf("resnext%s_%dx%dd", depth, a.Groups, a.GroupWidth)
	case a.GroupWidth > 64 && a.GroupWidth%64 == 0:
		return fmt.Sprintf("wide_resnet%s_%d", depth, a.GroupWidth/64)
	}
	return "resnet" + depth
}

// A family is a kind of network and the keys, or their beginnings up to a dot,
// that tell it from others.
type family struct {
	name string
	keys []string
}

func (f family) fits(w nn.Weights) bool {
	return !slices.ContainsFunc(f.keys, func(k string) bool { return !w.Has(k) && !w.At(k).Exists() })
}

func (f family) String() string { return f.name + " (" + strings.Join(f.keys, ", ") + ")" }

var (
	classifier       = family{"ResNet", []string{"conv1.weight", "layer1.0.conv1", "layer4.0.conv1", "fc.weight"}}
	mobileClassifier = family{"MobileNetV3", []string{"features.1.block.0.0.weight", "classifier.3.weight"}}
	detector         = family{"Faster R-CNN or Mask R-CNN", []string{"backbone.body.layer1.0.conv1", "backbone.fpn",
		"rpn.head.cls_logits", "roi_heads.box_head.fc6", "roi_heads.box_predictor.cls_score"}}
)

// unsupported lists what torchvision has and this package has not, the more
// particular first.
var unsupported = []family{
	{"ssdlite320_mobilenet_v3_large", []string{"head.classification_head.module_list.0.0.0.weight"}},
	{"ssd300_vgg16", []string{"head.classification_head.module_list.0.weight"}},
	{"fcos_resnet50_fpn", []string{"head.regression_head.bbox_ctrness"}},
	{"retinanet_resnet50_fpn_v2", []string{"head.classification_head.cls_logits", "head.classification_head.conv.0.1"}},
	{"retinanet_resnet50_fpn", []string{"head.classification_head.cls_logits"}},
	{"keypointrcnn_resnet50_fpn", []string{"roi_heads.keypoint_predictor"}},
	{"maskrcnn_resnet50_fpn_v2", []string{"roi_heads.box_head.0.0.weight", "roi_heads.mask_predictor"}},
	{"fasterrcnn_resnet50_fpn_v2", []string{"roi_heads.box_head.0.0.weight"}},
	{"fasterrcnn_mobilenet_v3_large_fpn", []string{"backbone.body.0.0.weight", "roi_heads.box_predictor"}},
	{"lraspp_mobilenet_v3_large", []string{"classifier.cbr"}},
	{"deeplabv3_resnet101", []string{"classifier.0.convs", "backbone.layer3.22"}},
	{"deeplabv3_resnet50", []string{"classifier.0.convs", "backbone.layer3"}},
	{"deeplabv3_mobilenet_v3_large", []string{"classifier.0.convs"}},
	{"fcn_resnet101", []string{"classifier.4.weight", "backbone.layer3.22"}},
	{"fcn_resnet50", []string{"classifier.4.weight", "backbone.layer3"}},
	{"mobilenet_v2", []string{"features.1.conv.0.0.weight", "classifier.1.weight"}},
	{"vgg", []string{"features.0.weight", "classifier.0.weight", "classifier.3.weight", "classifier.6.weight"}},
	{"densenet", []string{"features.denseblock1", "classifier.weight"}},
	{"vit", []string{"conv_proj.weight", "encoder.layers.encoder_layer_0"}},
}
