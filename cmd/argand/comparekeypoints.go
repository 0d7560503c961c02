package main

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// keypoints counts the keypoints of objects that are where the dump's are.
type keypoints struct {
	golden    []float32 // x, y and visibility of each
	each      int       // of an object
	same, all int
}

// samePoint is how far apart keypoints may be, in pixels.
const samePoint = 0.5

// keypoints returns a counter for the keypoints of the dump's objects, nil if the network finds none.
func (g *dump) keypoints(found *vision.Detections, objects int) (*keypoints, error) {
	if found.Keypoints == nil {
		return nil, nil
	}
	golden, err := g.floats("keypoints")
	if err != nil {
		return nil, err
	}
	each := len(golden) / 3 / max(objects, 1)
	if len(golden) != 3*each*objects {
		return nil, fmt.Errorf("%d numbers of keypoints for %d objects", len(golden), objects)
	}
	return &keypoints{golden: golden, each: each}, nil
}

// count compares those of the dump's object i with an object's here.
func (k *keypoints) count(i int, here []picture.Keypoint) {
	k.all += k.each
	for j, p := range here[:min(len(here), k.each)] {
		at := k.golden[3*(i*k.each+j):]
		if math.Hypot(float64(p.X-at[0]), float64(p.Y-at[1])) <= samePoint {
			k.same++
		}
	}
}

// agree reports whether all are where they should be but one in fifty: the greatest number of a heat map may be in
// another place where two are as great, and torchvision rounds the size of a box up to whole pixels.
func (k *keypoints) agree() bool { return k == nil || k.all-k.same <= k.all/50 }

// String returns ", 34 of 34 keypoints are in the same place", "" for a nil counter.
func (k *keypoints) String() string {
	if k == nil {
		return ""
	}
	return fmt.Sprintf(", %d of %d keypoints are in the same place", k.same, k.all)
}
