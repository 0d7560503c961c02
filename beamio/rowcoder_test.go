package beamio

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
)

// TestRowsAreOpaque wants no coder whose bytes a runner takes apart for what crosses stages, and everything back.
func TestRowsAreOpaque(t *testing.T) {
	found := Detections{Width: 3, Height: 2, Boxes: []float32{0, 1, 2, 3}, Labels: []int{4}, Names: []string{""},
		Scores: []float32{0.5}, Keypoints: []float32{1, 2, 9, 2, 0.5, -3}}
	for _, v := range []any{
		Picture{}, Picture{Name: "\xff"}, Picture{"a", []byte{0, 255}}, found, Detections{Names: []string{}},
		Segments{Labels: []int{3}, Shares: []float64{1}}, SegmentRow{Class: []RowSegment{{"cat", 0.5, nil}}}, KeyedSegmentRow{},
		RowSegment{}, Classes{}, ClassRow{Class: []RowClass{{"cat", 0.5}}}, KeyedClassRow{}, RowClass{}, DeadLetter{}, KeyedRow{}, Row{}, NewRow("a", &found), RowObject{}, RowMask{Size: []int{1, 2}}, FailureRow{"a", "b", "c"},
		PredictionResult[Picture, Detections]{}, PredictionResult[Picture, Detections]{Picture{Name: "x"}, found, "m"},
		PredictionResult[[]float32, []float32]{Inference: []float32{-0.5}}, Failure[[]float32]{Stage: "s"},
		Failure[Picture]{Example: Picture{Data: []byte{7}}, Error: "e"}, tagged[Picture]{},
	} {
		ty := reflect.TypeOf(v)
		if c := beam.NewCoder(typex.New(ty)); strings.HasPrefix(c.String(), "R[") {
			t.Errorf("%v has the coder %v", ty, c)
		}
		var b bytes.Buffer
		if err := beam.NewElementEncoder(ty).Encode(v, &b); err != nil {
			t.Fatalf("%#v: %v", v, err)
		}
		got, err := beam.NewElementDecoder(ty).Decode(&b)
		if err != nil || !reflect.DeepEqual(got, v) || b.Len() != 0 {
			t.Errorf("%#v came back as %#v, %v, %d bytes left", v, got, err, b.Len())
		}
	}
}

// TestBrokenRows wants an error for bytes that are no row, and never one that Beam takes for the end of a buffer: it
// would go on without the elements behind it.
func TestBrokenRows(t *testing.T) {
	whole, err := encodeRow(Picture{"a", []byte{0, 255}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if p, err := decodeRow(reflect.TypeFor[Picture](), whole[:n]); err == nil || err == io.EOF {
			t.Errorf("%d of %d bytes: %v, %v", n, len(whole), p, err)
		}
	}
	if p, err := decodeRow(reflect.TypeFor[Picture](), append(whole, 0)); err == nil {
		t.Errorf("a byte more: %v", p)
	}
}
