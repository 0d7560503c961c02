package vision

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/picture"
)

// somePeople is a made-up answer of three objects with everything.
func somePeople() *Detections {
	d := &Detections{Width: 8, Height: 6}
	for i := range 3 {
		d.Boxes = append(d.Boxes, [4]float32{1, 2, float32(4 + i), 5.5})
		d.Labels, d.Names = append(d.Labels, 1+i), append(d.Names, "person")
		d.Scores = append(d.Scores, 0.9-0.2*float32(i))
		d.Masks = append(d.Masks, picture.Mask{Probs: []float32{1, 1, 1, 0}, Size: 2, Box: d.Boxes[i], W: 8, H: 6})
		d.Keypoints = append(d.Keypoints, []picture.Keypoint{{X: 2, Y: 3, Score: 7.5}, {X: float32(i), Y: 1, Score: -1}})
	}
	return d
}

func TestCOCO(t *testing.T) {
	d := somePeople()
	var buf bytes.Buffer
	w := NewCOCOWriter(&buf)
	for _, of := range []struct {
		image int
		d     *Detections
	}{{4, &Detections{}}, {7, d}, {8, d.Top(0)}, {9, d.Above(0.8)}} {
		if err := w.Write(of.d.COCO(of.image)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const begin = `[{"image_id":7,"category_id":1,"bbox":[1,2,3,3.5],"score":0.9,"segmentation":{"size":[6,8],`
	if !bytes.HasPrefix(buf.Bytes(), []byte(begin)) {
		t.Errorf("%s", buf.Bytes())
	}
	var back []COCOResult
	if err := json.Unmarshal(buf.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if want := append(d.COCO(7), d.COCO(9)[0]); !reflect.DeepEqual(back, want) {
		t.Errorf("%+v, want %+v", back, want)
	}
	if k := back[2].Keypoints; !reflect.DeepEqual(k, []float32{2, 3, 7.5, 2, 1, -1}) {
		t.Errorf("keypoints %v", k)
	}
	if m, err := back[1].Segmentation.Decode(); err != nil || m.Area() != d.Masks[1].Area(MaskThreshold) || m.Area() == 0 {
		t.Errorf("mask %v, %v", m, err)
	}
	if err := w.Write(d.COCO(1)); err == nil || w.Close() == nil {
		t.Error("a closed file takes more")
	}
	plain := *d
	plain.Masks, plain.Keypoints = nil, nil
	line, _ := json.Marshal(plain.COCO(3)[0])
	if string(line) != `{"image_id":3,"category_id":1,"bbox":[1,2,3,3.5],"score":0.9}` {
		t.Errorf("%s", line)
	}
	buf.Reset()
	if err := NewCOCOWriter(&buf).Close(); err != nil || buf.String() != "[]\n" {
		t.Errorf("of nothing: %q, %v", buf.String(), err)
	}
}

// fullDisk takes some writes.
type fullDisk struct{ left int }

var errFull = errors.New("disk full")

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestCOCOWriterErrors(t *testing.T) {
	d := somePeople()
	w := NewCOCOWriter(&fullDisk{left: 1})
	bad := d.COCO(1)
	bad[2].Score = float32(math.NaN())
	if err := w.Write(bad); err == nil || !strings.HasPrefix(err.Error(), "vision: object 2 of image 1: ") {
		t.Errorf("NaN was written, or the error does not say where: %v", err)
	}
	if err := w.Write(d.COCO(1)); err != nil {
		t.Error(err)
	}
	if err := w.Write(d.COCO(2)); err != errFull || w.Write(nil) != errFull || w.Close() != errFull {
		t.Error(err)
	}
	if err := NewCOCOWriter(&fullDisk{}).Close(); err != errFull {
		t.Error(err)
	}
}

func TestTopAndAbove(t *testing.T) {
	d := somePeople()
	for n, want := range map[int]int{-1: 0, 0: 0, 2: 2, 3: 3, 9: 3} {
		a := d.Top(n)
		if a.Len() != want || len(a.Boxes) != want || len(a.Labels) != want || len(a.Names) != want ||
			len(a.Masks) != want || len(a.Keypoints) != want || a.Width != 8 || a.Height != 6 {
			t.Errorf("Top(%d) is %+v", n, a)
		}
	}
	for score, want := range map[float32]int{0: 3, 0.45: 3, 0.6: 2, 0.8: 1, 1: 0, float32(math.NaN()): 0} {
		if got := d.Above(score).Len(); got != want {
			t.Errorf("%d objects above %v, want %d", got, score, want)
		}
	}
	a := d.Top(1)
	a.Boxes = append(a.Boxes, [4]float32{9})
	if d.Boxes[1][0] == 9 {
		t.Error("appending to a part changes the whole")
	}
	list := d.Instances()
	if len(list) != 3 || &list[2].Keypoints[1] != &d.Keypoints[2][1] || list[1].Mask != &d.Masks[1] {
		t.Errorf("instances %+v", list)
	}
	if list := (&Detections{Scores: d.Scores, Boxes: d.Boxes, Names: d.Names}).Instances(); list[0].Mask != nil {
		t.Error("a mask of nothing")
	}
}
