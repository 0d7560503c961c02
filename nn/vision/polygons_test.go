package vision

import (
	"path/filepath"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
)

// TestShapesPolygons makes polygons of the masks of a trained network, and masks of these as pycocotools does.
func TestShapesPolygons(t *testing.T) {
	src, err := loaders.Open(filepath.Join(testdata, "shapes", "model.pth"))
	if err != nil {
		t.Fatal(err)
	}
	masks := 0
	for _, c := range readShapes(t, "expected.json") {
		if c.MinSize > 256 {
			continue
		}
		found, err := c.detector(t, src).Detect(bg, c.picture(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range found.Masks {
			b := found.Masks[i].Binary(MaskThreshold)
			if b.Area() == 0 {
				continue
			}
			masks++
			for tolerance, least := range map[float64]float64{0: 1, 0.5: 0.98} {
				again, err := picture.NewBitmapFromCOCO(b.W, b.H, b.Polygons(tolerance).COCO())
				if err != nil {
					t.Fatal(err)
				}
				if b.Area() > 1000 && tolerance > 0 {
					least = 0.99
				}
				if iou := again.IoU(b); iou < least {
					t.Errorf("%s, object %d of %d pixels, tolerance %v: IoU %v", c.Name, i, b.Area(), tolerance, iou)
				}
			}
		}
	}
	if masks < 20 {
		t.Errorf("only %d masks", masks)
	}
}
