package vision

import (
	_ "embed" // the names of classes
	"strings"
)

// The names that torchvision gives classes and keypoints, written by names/make_names.py.
var (
	//go:embed names/coco.txt
	coco string
	//go:embed names/imagenet.txt
	imageNet string
	//go:embed names/voc.txt
	voc string
	//go:embed names/persons.txt
	persons string
	//go:embed names/keypoints.txt
	keypoints string
)

func lines(names string) []string { return strings.Split(strings.TrimSuffix(names, "\n"), "\n") }

// COCONames returns the names of COCO's 91 categories, which torchvision's
// detectors are trained on, by their number. Number 0 is "__background__"; ten
// numbers that COCO does not use are "N/A".
func COCONames() []string { return lines(coco) }

// ImageNetNames returns the names of ImageNet's 1000 classes, which torchvision's
// classifiers are trained on, by their number.
func ImageNetNames() []string { return lines(imageNet) }

// VOCNames returns the names of Pascal VOC's 21 categories, which torchvision's
// segmenters are trained on, by their number. Number 0 is "__background__".
func VOCNames() []string { return lines(voc) }

// PersonNames returns the names of the two classes of torchvision's Keypoint
// R-CNN, by their number: "no person" and "person".
func PersonNames() []string { return lines(persons) }

// PersonKeypointNames returns the names of the 17 keypoints of a person in COCO,
// in their order: "nose", "left_eye" and so on. Left is the person's left.
func PersonKeypointNames() []string { return lines(keypoints) }

// knownNames returns the names of what torchvision trains such networks on, or
// nil if a has another number of classes than that.
func knownNames(a Architecture) []string {
	var names []string
	switch {
	case a.Task == Classification:
		names = ImageNetNames()
	case a.Task == Segmentation:
		names = VOCNames()
	case strings.HasPrefix(a.Name, "keypointrcnn_"):
		names = PersonNames()
	default:
		names = COCONames()
	}
	if len(names) != a.Classes {
		return nil
	}
	return names
}
