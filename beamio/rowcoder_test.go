package beamio

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
)

// TestRowsAreOpaque wants no coder whose bytes a runner takes apart for what crosses stages, and everything back.
func TestRowsAreOpaque(t *testing.T) {
	found := Detections{Width: 3, Height: 2, Boxes: []float32{0, 1, 2, 3}, Labels: []int{4}, Names: []string{""},
		Scores: []float32{0.5}}
	for _, v := range []any{
		Picture{}, Picture{Name: "\xff"}, Picture{"a", []byte{0, 255}}, found, Detections{Names: []string{}},
		Classes{}, Row{}, NewRow("a", &found), RowObject{}, RowMask{Size: []int{1, 2}}, FailureRow{"a", "b", "c"},
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
	if _, err := decodeRow(reflect.TypeFor[Picture](), []byte{2, 0, 9}); err == nil {
		t.Error("half a picture was decoded")
	}
}
