package vision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argand-go/argand/nn"
)

// A Task is what a network is for.
type Task string

// The tasks, in the words of PyTorch's documentation.
const (
	Classification Task = "classification" // a [Classifier]'s
	Detection      Task = "detection"      // a [Detector]'s
	Segmentation   Task = "segmentation"   // a [Segmenter]'s
)

// maker returns what a network of the task is given to: "a classifier".
func (t Task) maker() string {
	return map[Task]string{Classification: "a classifier", Detection: "a detector", Segmentation: "a segmenter"}[t]
}

// A family is a kind of networks: how a checkpoint of it is told from others,
// and how it is built. Each has a file of its own.
type family struct {
	name string   // torchvision's class: "MaskRCNN"
	task Task     // decides which of the three functions below there is
	keys []string // of tensors, or their beginnings up to a dot, all of which every checkpoint of the family has

	// recognize tells which network of the family w is a checkpoint of. The task
	// is filled in by the caller.
	recognize func(w nn.Weights) (Architecture, error)

	// defaults returns what torchvision's builder of that name gives a network
	// and no checkpoint holds.
	defaults func(a Architecture) Settings

	// One of these reads the network. What is missing, misshapen or left over is
	// for w.Err to report.
	classifier func(w nn.Weights, a Architecture, s Settings) nn.Module // image (N, 3, H, W) → logits (N, K)
	detector   func(w nn.Weights, a Architecture, s Settings) finder
	segmenter  func(w nn.Weights, a Architecture, s Settings) labeler
}

// A finder is the network of a detector.
type finder interface {
	// Forward returns what is in an image (N, 3, H, W), normalised and padded, of
	// pictures whose heights and widths without padding are sizes (N, 2).
	Forward(image, sizes nn.Value) Found
}

// A labeler is the network of a segmenter.
type labeler interface {
	nn.Module // image (N, 3, H, W) → logits (N, K, H, W) of K classes

	// Coarse returns the logits (N, K, h, w) at the size at which they are
	// computed, which Forward scales up.
	Coarse(image nn.Value) nn.Value
}

// families lists the networks of this package. Of two that fit a checkpoint, the
// first is it.
func families() []family {
	return []family{
		maskRCNNFamily(), keypointRCNNFamily(), fasterRCNNFamily(), fcosFamily(), retinaNetFamily(),
		ssdFamily(), ssdLiteFamily(),
		resNetFamily(), mobileNetV3Family(), vggFamily(), mobileNetV2Family(), convNeXtFamily(), vitFamily(),
		fcnFamily(), deepLabV3Family(), lrasppFamily(),
	}
}

// fits reports whether w has the keys of the family.
func (f family) fits(w nn.Weights) bool {
	return !slices.ContainsFunc(f.keys, func(k string) bool { return !w.Has(k) && !w.At(k).Exists() })
}

// familiesOf returns the names of the families of a task, in a sentence.
func familiesOf(task Task) string {
	var names []string
	for _, f := range families() {
		if f.task == task {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}

// supported says of every task which networks there are.
func supported() string {
	return fmt.Sprintf("for classification %s, for detection %s, and for segmentation %s are",
		familiesOf(Classification), familiesOf(Detection), familiesOf(Segmentation))
}
