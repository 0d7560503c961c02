package vision

import (
	_ "embed" // the names of classes
	"strings"
)

// The names that torchvision gives classes, written by names/make_names.py.
var (
	//go:embed names/coco.txt
	coco string
	//go:embed names/imagenet.txt
	imageNet string
)

// cocoNames returns the names of COCO's 91 categories. Number 0 is
// "__background__"; ten numbers that COCO does not use are "N/A".
func cocoNames() []string { return strings.Split(strings.TrimSpace(coco), "\n") }

// imageNetNames returns the names of ImageNet's 1000 classes.
func imageNetNames() []string { return strings.Split(strings.TrimSpace(imageNet), "\n") }
