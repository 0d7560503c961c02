package main

import (
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// maskThreshold is the probability from which a pixel belongs to an object; torchvision's documentation says 0.5.
const maskThreshold = 0.5

// A result is what was found in one picture, as detect --json prints it.
type result struct {
	File       string      `json:"file"`
	Width      int         `json:"width"`  // of the picture, in pixels
	Height     int         `json:"height"` // of the picture, in pixels
	Detections []detection `json:"detections"`
}

// A detection is one object of a result.
type detection struct {
	Box   [4]float32   `json:"box"` // x1, y1, x2, y2 in pixels of the picture
	Label int          `json:"label"`
	Name  string       `json:"name"`
	Score float32      `json:"score"`
	Mask  *picture.RLE `json:"mask,omitempty"` // absent if the network has no masks
}

// A failure is a picture that could not be done, as detect --json prints it.
type failure struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// newResult turns what the network found in file into what is printed. Masks become run lengths here, so that the
// result no longer holds on to the network's output.
func newResult(file string, found *vision.Detections) result {
	r := result{File: file, Width: found.Width, Height: found.Height, Detections: []detection{}}
	for i, box := range found.Boxes {
		d := detection{Box: box, Label: found.Labels[i], Name: found.Names[i], Score: found.Scores[i]}
		if i < len(found.Masks) {
			mask := found.Masks[i].RLE(maskThreshold)
			d.Mask = &mask
		}
		r.Detections = append(r.Detections, d)
	}
	return r
}
