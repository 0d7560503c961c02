package beamio

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// TestKeypoints follows keypoints from the network into rows.
func TestKeypoints(t *testing.T) {
	points := [][]picture.Keypoint{{{X: 1, Y: 2, Score: 9}, {X: 2, Y: 0.5, Score: -3}}, {{X: 5}, {Y: 6}}}
	d := newDetections(&vision.Detections{
		Width: 9, Height: 8, Boxes: make([][4]float32, 2), Labels: []int{1, 1}, Names: []string{"person", "person"},
		Scores: []float32{0.75, 0.5}, Keypoints: points,
	}, true)
	for i, want := range points {
		if got := d.Points(i); !reflect.DeepEqual(got, want) {
			t.Errorf("object %d: %v, want %v", i, got, want)
		}
	}
	row := NewRow("a.jpg", &d)
	text, err := json.Marshal(row.Object[0])
	if want := `{"label":"person","score":0.75,"box":[0,0,0,0],"keypoints":[1,2,9,2,0.5,-3]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	d.Keypoints = nil
	if p, row := d.Points(1), NewRow("a.jpg", &d); p != nil || row.Object[1].Keypoints != nil {
		t.Errorf("without keypoints: %v, %v", p, row)
	}
}
