package beamio

import (
	"context"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	for _, t := range []reflect.Type{
		reflect.TypeFor[Row](), reflect.TypeFor[RowObject](), reflect.TypeFor[RowMask](), reflect.TypeFor[FailureRow](),
	} {
		registerRow(t)
	}
	register.Function2x1(rowOf)
	register.Function2x1(failureRowOf)
}

// Row is a picture and the objects in it, in the schema of Beam's published
// RunInference example: file STRING, object RECORD REPEATED (label STRING,
// score FLOAT, box FLOAT REPEATED, mask RECORD).
type Row struct {
	File   string      `json:"file" bigquery:"file"`
	Object []RowObject `json:"object" bigquery:"object"`
}

// RowObject is an object in a [Row].
type RowObject struct {
	Label string    `json:"label" bigquery:"label"`        // name of the class
	Score float32   `json:"score" bigquery:"score"`        // 0 to 1
	Box   []float32 `json:"box" bigquery:"box"`            // x1, y1, x2, y2 in pixels of the picture
	Mask  RowMask   `json:"mask,omitzero" bigquery:"mask"` // empty without masks
}

// RowMask is a mask in COCO's form.
type RowMask struct {
	Size   []int  `json:"size" bigquery:"size"`     // height and width of the picture
	Counts string `json:"counts" bigquery:"counts"` // run-length code
}

// IsZero reports whether there is no mask.
func (m RowMask) IsZero() bool { return m.Counts == "" }

// FailureRow is a dead letter: a picture without a row, and why.
type FailureRow struct {
	File  string `json:"file" bigquery:"file"`
	Stage string `json:"stage" bigquery:"stage"`
	Error string `json:"error" bigquery:"error"`
}

// Rows makes a PCollection<[Row]> of the results of a [Detector].
func Rows(s beam.Scope, results beam.PCollection) beam.PCollection {
	return beam.ParDo(s.Scope("beamio.Rows"), rowOf, results)
}

// FailureRows makes a PCollection<[FailureRow]> of the dead letters of a
// [Detector] or [Classifier].
func FailureRows(s beam.Scope, failures beam.PCollection) beam.PCollection {
	return beam.ParDo(s.Scope("beamio.FailureRows"), failureRowOf, failures)
}

func rowOf(_ context.Context, r PredictionResult[Picture, Detections]) Row {
	return NewRow(r.Example.Name, &r.Inference)
}

func failureRowOf(_ context.Context, f Failure[Picture]) FailureRow {
	return FailureRow{f.Example.Name, f.Stage, f.Error}
}

// NewRow returns the row of one picture.
func NewRow(file string, d *Detections) Row {
	row := Row{File: file, Object: make([]RowObject, d.Len())}
	for i := range row.Object {
		o := RowObject{Label: d.Names[i], Score: d.Scores[i], Box: d.Boxes[4*i : 4*i+4]}
		if i < len(d.Masks) {
			o.Mask = RowMask{[]int{d.Height, d.Width}, d.Masks[i]}
		}
		row.Object[i] = o
	}
	return row
}
