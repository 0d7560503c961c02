package vision

import "github.com/argand-go/argand/nn/picture"

// Report is what was found in a picture in the form of JSON, as the programs of
// this module print it:
//
//	{"width":640,"height":480,"detections":[
//	    {"box":[x1,y1,x2,y2],"label":3,"name":"car","score":0.98,"mask":{"size":[480,640],"counts":"…"}}]}
//
// Objects of Keypoint R-CNN have "keypoints":[[x,y,score],…] in place of a mask.
type Report struct {
	Width      int      `json:"width"`      // of the picture, in pixels
	Height     int      `json:"height"`     // of the picture, in pixels
	Detections []Object `json:"detections"` // in descending order of score; empty and not nil if nothing was found
}

// Object is one object of a [Report].
type Object struct {
	Box   [4]float32   `json:"box"`            // x1, y1, x2, y2 in pixels of the picture
	Label int          `json:"label"`          // number of the class
	Name  string       `json:"name"`           // of the class
	Score float32      `json:"score"`          // 0 to 1
	Mask  *picture.RLE `json:"mask,omitempty"` // in COCO's form; nil unless the network is Mask R-CNN

	Keypoints [][3]float32 `json:"keypoints,omitempty"` // x and y in pixels of the picture, and score
}

// MaskThreshold is the probability from which a pixel belongs to an object,
// according to torchvision's documentation.
const MaskThreshold = 0.5

// Report returns d in the form of JSON. Pixels belong to an object from
// [MaskThreshold] on. It shares no memory with d.
func (d *Detections) Report() Report {
	r := Report{Width: d.Width, Height: d.Height, Detections: make([]Object, d.Len())}
	for i := range r.Detections {
		o := Object{Box: d.Boxes[i], Label: d.Labels[i], Name: d.Names[i], Score: d.Scores[i]}
		if i < len(d.Masks) {
			mask := d.Masks[i].RLE(MaskThreshold)
			o.Mask = &mask
		}
		if i < len(d.Keypoints) {
			for _, k := range d.Keypoints[i] {
				o.Keypoints = append(o.Keypoints, [3]float32{k.X, k.Y, k.Score})
			}
		}
		r.Detections[i] = o
	}
	return r
}
