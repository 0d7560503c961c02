package beamio

import (
	"reflect"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func init() { registerRow(reflect.TypeFor[Detections]()) }

// maskThreshold is the probability from which a pixel belongs to a mask, as
// torchvision's documentation has it.
const maskThreshold = 0.5

// Detections is what a [Detector] has found in a picture: a row that crosses
// stages. Object i has the box Boxes[4*i : 4*i+4] and Labels[i] and so on;
// objects are in descending order of score. There may be none.
type Detections struct {
	Width  int       `json:"width"` // of the picture, in pixels
	Height int       `json:"height"`
	Boxes  []float32 `json:"boxes"`           // x1, y1, x2, y2 in pixels of the picture
	Labels []int     `json:"labels"`          // numbers of classes
	Names  []string  `json:"names"`           // of the classes
	Scores []float32 `json:"scores"`          // 0 to 1
	Masks  []string  `json:"masks,omitempty"` // the counts of COCO RLEs; empty without masks
	// Keypoints has the same number for each object: x and y in pixels of the picture, and score. It is empty unless the
	// network is Keypoint R-CNN.
	Keypoints []float32 `json:"keypoints,omitempty"`
}

// Len returns the number of objects.
func (d *Detections) Len() int { return len(d.Scores) }

// Name returns the name of object i's class, "" without names.
func (d *Detections) Name(i int) string {
	if i < len(d.Names) {
		return d.Names[i]
	}
	return ""
}

// Box returns the box of object i: x1, y1, x2, y2 in pixels of the picture.
func (d *Detections) Box(i int) [4]float32 { return [4]float32(d.Boxes[4*i : 4*i+4]) }

// RLE returns the mask of object i in COCO's run-length code; its Counts are
// empty if there are no masks.
func (d *Detections) RLE(i int) picture.RLE {
	r := picture.RLE{H: d.Height, W: d.Width}
	if i < len(d.Masks) {
		r.Counts = d.Masks[i]
	}
	return r
}

// Points returns the keypoints of object i, nil if there are none. See
// picture.Keypoint.
func (d *Detections) Points(i int) []picture.Keypoint {
	numbers := d.points(i)
	if numbers == nil {
		return nil
	}
	list := make([]picture.Keypoint, len(numbers)/3)
	for k := range list {
		list[k] = picture.Keypoint{X: numbers[3*k], Y: numbers[3*k+1], Score: numbers[3*k+2]}
	}
	return list
}

// points returns the Keypoints of object i.
func (d *Detections) points(i int) []float32 {
	if len(d.Keypoints) == 0 {
		return nil
	}
	n := len(d.Keypoints) / d.Len()
	return d.Keypoints[i*n : (i+1)*n]
}

// newDetections makes a row of what the network has found.
func newDetections(v *vision.Detections, masks bool) Detections {
	d := Detections{
		Width: v.Width, Height: v.Height, Labels: v.Labels, Names: v.Names, Scores: v.Scores,
		Boxes: make([]float32, 0, 4*v.Len()),
	}
	for _, b := range v.Boxes {
		d.Boxes = append(d.Boxes, b[:]...)
	}
	for _, points := range v.Keypoints {
		for _, k := range points {
			d.Keypoints = append(d.Keypoints, k.X, k.Y, k.Score)
		}
	}
	if masks {
		for i := range v.Masks {
			d.Masks = append(d.Masks, v.Masks[i].RLE(maskThreshold).Counts)
		}
	}
	return d
}
