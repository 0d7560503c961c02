package vision

import (
	"slices"

	"github.com/argand-go/argand/nn/picture"
)

// Detections is what a [Detector] has found in a picture: object i has Boxes[i],
// Labels[i] and so on, in descending order of score. There may be none.
type Detections struct {
	Width, Height int                  // of the picture, in pixels
	Boxes         [][4]float32         // x1, y1, x2, y2 in pixels of the picture
	Labels        []int                // numbers of classes; 0, the background, only by RetinaNet and FCOS
	Names         []string             // of the classes
	Scores        []float32            // 0 to 1
	Masks         []picture.Mask       // nil for Faster R-CNN
	Keypoints     [][]picture.Keypoint // of each object; nil unless the network is Keypoint R-CNN
}

// Len returns the number of objects.
func (d *Detections) Len() int { return len(d.Scores) }

// Above returns the objects of a score of at least the given one. They share
// memory with d.
func (d *Detections) Above(score float32) *Detections {
	n := slices.IndexFunc(d.Scores, func(s float32) bool { return !(s >= score) })
	if n < 0 {
		n = d.Len()
	}
	return d.Top(n)
}

// Top returns the n objects of the highest scores, or all if there are fewer.
// They share memory with d.
func (d *Detections) Top(n int) *Detections {
	n = min(max(n, 0), d.Len())
	a := &Detections{Width: d.Width, Height: d.Height, Boxes: d.Boxes[:n:n], Labels: d.Labels[:n:n],
		Names: d.Names[:n:n], Scores: d.Scores[:n:n]}
	if d.Masks != nil {
		a.Masks = d.Masks[:n:n]
	}
	if d.Keypoints != nil {
		a.Keypoints = d.Keypoints[:n:n]
	}
	return a
}

// Instances returns the objects for picture.Overlay. Their masks and keypoints
// share memory with d.
func (d *Detections) Instances() []picture.Instance {
	list := make([]picture.Instance, d.Len())
	for i := range list {
		list[i] = picture.Instance{Box: d.Boxes[i], Name: d.Names[i], Score: d.Scores[i]}
		if d.Masks != nil {
			list[i].Mask = &d.Masks[i]
		}
		if d.Keypoints != nil {
			list[i].Keypoints = d.Keypoints[i]
		}
	}
	return list
}
