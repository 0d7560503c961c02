package vision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/argand-go/argand/nn/picture"
)

// COCOResult is one object in COCO's format of results, which pycocotools
// evaluates: a JSON array of these is a file for COCO.loadRes. The numbers of
// COCO's categories are those of torchvision's labels.
//
// Of a file whose objects have boxes, pycocotools takes areas from the boxes
// and not from the masks. That moves objects between small, medium and large,
// and leaves the AP of all areas as it is.
type COCOResult struct {
	ImageID    int        `json:"image_id"`
	CategoryID int        `json:"category_id"`
	BBox       [4]float32 `json:"bbox"` // x, y, width, height in pixels of the picture
	Score      float32    `json:"score"`
	// Segmentation is in the compressed code; nil for a detector without masks.
	Segmentation *picture.RLE `json:"segmentation,omitempty"`
	// Keypoints are x, y and score of each point; nil for a detector without keypoints.
	Keypoints []float32 `json:"keypoints,omitempty"`
}

// COCO returns the objects in COCO's format of results, of the picture that has
// the given number in COCO's annotations. Pixels belong to an object from
// [MaskThreshold] on.
func (d *Detections) COCO(imageID int) []COCOResult {
	list := make([]COCOResult, d.Len())
	for i := range list {
		r := COCOResult{ImageID: imageID, CategoryID: d.Labels[i], BBox: picture.ToXYWH(d.Boxes[i]), Score: d.Scores[i]}
		if i < len(d.Masks) {
			mask := d.Masks[i].RLE(MaskThreshold)
			r.Segmentation = &mask
		}
		if i < len(d.Keypoints) {
			for _, k := range d.Keypoints[i] {
				r.Keypoints = append(r.Keypoints, k.X, k.Y, k.Score)
			}
		}
		list[i] = r
	}
	return list
}

// COCOWriter writes a file of COCO's results, picture by picture, one object a
// line. The file is whole after [COCOWriter.Close].
type COCOWriter struct {
	w     io.Writer
	begun bool
	err   error // the first one, or errCOCOClosed
}

var errCOCOClosed = errors.New("vision: COCOWriter is closed")

// NewCOCOWriter returns a COCOWriter that writes to w. It does not buffer.
func NewCOCOWriter(w io.Writer) *COCOWriter { return &COCOWriter{w: w} }

// Write appends the objects of a picture, of which there may be none. Of objects
// with a number that JSON has not, NaN or an infinity, it writes none and returns
// an error. After an error of the io.Writer the file is broken, and every call
// returns that error.
func (c *COCOWriter) Write(objects []COCOResult) error {
	if c.err != nil {
		return c.err
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // run lengths have < and >
	for i := range objects {
		if c.begun || i > 0 {
			buf.WriteString(",")
		} else {
			buf.WriteString("[")
		}
		if err := e.Encode(&objects[i]); err != nil {
			return fmt.Errorf("vision: object %d of image %d: %w", i, objects[i].ImageID, err) // nothing has been written
		}
	}
	if buf.Len() == 0 {
		return nil
	}
	c.begun = true
	_, c.err = c.w.Write(buf.Bytes())
	return c.err
}

// Close ends the array, and does not close the io.Writer. A file of no objects
// is an empty array, which pycocotools cannot evaluate.
func (c *COCOWriter) Close() error {
	if c.err != nil {
		return c.err
	}
	end := "]\n"
	if !c.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(c.w, end)
	if c.err = err; err == nil {
		c.err = errCOCOClosed
	}
	return err
}
