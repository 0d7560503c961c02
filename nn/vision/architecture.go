package vision

import (
	"fmt"
	"slices"

	"github.com/argand-go/argand/nn"
)

// Architecture is which network a checkpoint belongs to, as its names and
// shapes tell. Numbers that a network does not have are 0.
type Architecture struct {
	Name       string // torchvision's builder: "maskrcnn_resnet50_fpn", "resnext50_32x4d"
	Task       Task   // what it is for, and so which constructor takes it
	Classes    int    // of a detector, the background included
	Layers     [4]int // residual blocks of each layer; [3 4 6 3] for a ResNet-50
	Bottleneck bool   // blocks of three convolutions, not two
	Width      int    // channels after the first convolution; 64 for every published ResNet, 16 for MobileNetV3
	Groups     int    // of the 3×3 convolutions; 32 for resnext50_32x4d
	GroupWidth int    // channels of a group of the first layer; 64 for a plain ResNet, 4 for resnext50_32x4d
	Pyramid    int    // channels of the feature pyramid; 256 for every published detector
	Anchors    int    // of each place of a level; 3 for every published ResNet detector
	Masks      bool   // Mask R-CNN
	Picture    int    // sides of the pictures that a vision transformer or a VGG takes; others take any
	Keypoints  int    // of each object; 17 for the published Keypoint R-CNN

	published int // the Width of the published networks of the name
}

// String returns "maskrcnn_resnet50_fpn, 91 classes", and the width if it is
// not the published one.
func (a Architecture) String() string {
	s := a.Name
	if a.Classes > 0 {
		s += fmt.Sprintf(", %d classes", a.Classes)
	}
	if a.Width != a.published {
		s += fmt.Sprintf(", width %d", a.Width)
	}
	return s
}

// Recognize tells which network the checkpoint src belongs to. Checkpoints that
// training scripts wrap ("model.", "state_dict.", "module.", "_orig_mod." before
// every key) are looked into.
//
// It returns an [*UnsupportedArchitectureError] for a network of torchvision
// that this package does not have, with the Name of the Architecture set, and
// an [*UnknownArchitectureError] for everything else.
func Recognize(src nn.Source) (Architecture, error) {
	_, a, _, err := recognize(src)
	return a, err
}

// recognize also returns the family, and src without what wraps it.
func recognize(src nn.Source) (family, Architecture, nn.Source, error) {
	return recognizeWithin(src, 0)
}

// maxWrappers is how many wrappers a checkpoint may have around each other.
// Training scripts make three at most; a file's keys may be of any length.
const maxWrappers = 8

func recognizeWithin(src nn.Source, wrapped int) (family, Architecture, nn.Source, error) {
	f, a, err := recognizeKeys(src)
	if _, unknown := err.(*UnknownArchitectureError); !unknown || wrapped == maxWrappers {
		return f, a, src, err
	}
	for _, wrapper := range wrappers {
		inner := unwrap(src, wrapper)
		if len(inner.keys) == 0 {
			continue
		}
		if f, a, innermost, err := recognizeWithin(inner, wrapped+1); err == nil || a.Name != "" {
			return f, a, innermost, err
		}
	}
	return family{}, Architecture{}, src, err
}

func recognizeKeys(src nn.Source) (family, Architecture, error) {
	w := nn.NewWeights(src)
	for _, f := range unsupported() {
		if f.fits(w) {
			return family{}, Architecture{Name: f.name}, &UnsupportedArchitectureError{Name: f.name}
		}
	}
	e := &UnknownArchitectureError{}
	for _, f := range families() {
		if f.fits(w) {
			a, err := f.recognize(w)
			a.Task = f.task
			return f, a, err
		}
		e.Looked = append(e.Looked, f.name)
	}
	keys := src.Keys()
	e.Tensors = len(keys)
	e.Keys = slices.Clone(keys[:min(len(keys), 4)])
	return family{}, Architecture{}, e
}
