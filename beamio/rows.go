package beamio

import (
	"context"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	for _, t := range []reflect.Type{
		reflect.TypeFor[Row](), reflect.TypeFor[KeyedRow](), reflect.TypeFor[RowObject](), reflect.TypeFor[RowMask](),
		reflect.TypeFor[ClassRow](), reflect.TypeFor[KeyedClassRow](), reflect.TypeFor[RowClass](),
		reflect.TypeFor[SegmentRow](), reflect.TypeFor[KeyedSegmentRow](), reflect.TypeFor[RowSegment](),
		reflect.TypeFor[FailureRow](), reflect.TypeFor[DeadLetter](),
	} {
		registerRow(t)
	}
	register.Function2x1(rowOf)
	register.Function3x1(keyedRowOf)
	register.Function2x1(classRowOf)
	register.Function3x1(keyedClassRowOf)
	register.Function2x1(segmentRowOf)
	register.Function3x1(keyedSegmentRowOf)
	register.Function2x1(failureRowOf)
	register.Function2x1(deadLetterOf)
	register.Function3x1(keyedDeadLetterOf)
}

// Row is a picture and the objects in it, in the schema of Beam's published
// RunInference example: file STRING, object RECORD REPEATED (label STRING,
// score FLOAT, box FLOAT REPEATED, mask RECORD).
type Row struct {
	File   string      `json:"file" bigquery:"file" parquet:"file"`
	Object []RowObject `json:"object" bigquery:"object" parquet:"object"`
}

// KeyedRow is a [Row] with the key that its picture had, as text.
type KeyedRow struct {
	Key    string      `json:"key" bigquery:"key" parquet:"key"`
	File   string      `json:"file" bigquery:"file" parquet:"file"`
	Object []RowObject `json:"object" bigquery:"object" parquet:"object"`
}

// RowObject is an object in a [Row].
type RowObject struct {
	Label string    `json:"label" bigquery:"label" parquet:"label"` // name of the class
	Score float32   `json:"score" bigquery:"score" parquet:"score"` // 0 to 1
	Box   []float32 `json:"box" bigquery:"box" parquet:"box"`       // x1, y1, x2, y2 in pixels of the picture
	// Mask is nil without masks.
	Mask *RowMask `json:"mask,omitempty" bigquery:"mask,nullable" parquet:"mask"`
	// Keypoints are x and y in pixels of the picture, and score, of each keypoint; none unless the network is Keypoint
	// R-CNN. They are in JSON only, so that other rows fit the tables there are.
	Keypoints []float32 `json:"keypoints,omitempty" bigquery:"-" parquet:"-"`
}

// RowMask is a mask in COCO's form.
type RowMask struct {
	Size   []int  `json:"size" bigquery:"size" parquet:"size"`       // height and width of the picture
	Counts string `json:"counts" bigquery:"counts" parquet:"counts"` // run-length code
}

// ClassRow is a picture and its most probable classes, the most probable first.
type ClassRow struct {
	File  string     `json:"file" bigquery:"file" parquet:"file"`
	Class []RowClass `json:"class" bigquery:"class" parquet:"class"`
}

// KeyedClassRow is a [ClassRow] with the key that its picture had, as text.
type KeyedClassRow struct {
	Key   string     `json:"key" bigquery:"key" parquet:"key"`
	File  string     `json:"file" bigquery:"file" parquet:"file"`
	Class []RowClass `json:"class" bigquery:"class" parquet:"class"`
}

// RowClass is a class in a [ClassRow].
type RowClass struct {
	Label string  `json:"label" bigquery:"label" parquet:"label"` // name of the class
	Score float32 `json:"score" bigquery:"score" parquet:"score"` // probability, 0 to 1
}

// SegmentRow is a picture and the classes that its pixels belong to, the largest
// first.
type SegmentRow struct {
	File  string       `json:"file" bigquery:"file" parquet:"file"`
	Class []RowSegment `json:"class" bigquery:"class" parquet:"class"`
}

// KeyedSegmentRow is a [SegmentRow] with the key that its picture had, as text.
type KeyedSegmentRow struct {
	Key   string       `json:"key" bigquery:"key" parquet:"key"`
	File  string       `json:"file" bigquery:"file" parquet:"file"`
	Class []RowSegment `json:"class" bigquery:"class" parquet:"class"`
}

// RowSegment is a class in a [SegmentRow].
type RowSegment struct {
	Label string  `json:"label" bigquery:"label" parquet:"label"` // name of the class
	Share float64 `json:"share" bigquery:"share" parquet:"share"` // of the picture's pixels, 0 to 1
	// Mask is nil without masks.
	Mask *RowMask `json:"mask,omitempty" bigquery:"mask,nullable" parquet:"mask"`
}

// FailureRow is a dead letter: a picture without a row, and why. It is a
// [DeadLetter] without the key and the model, for pictures beside their [Row]s.
type FailureRow struct {
	File  string `json:"file" bigquery:"file" parquet:"file"`
	Stage string `json:"stage" bigquery:"stage" parquet:"stage"`
	Error string `json:"error" bigquery:"error" parquet:"error"`
}

// Rows makes a PCollection<[Row]> of the results of a [Detector], or, if they are
// keyed, a PCollection<[KeyedRow]>.
func Rows(s beam.Scope, results beam.PCollection) beam.PCollection {
	s = s.Scope("beamio.Rows")
	if typex.IsKV(results.Type()) {
		return beam.ParDo(s, keyedRowOf, results)
	}
	return beam.ParDo(s, rowOf, results)
}

// ClassRows makes a PCollection<[ClassRow]> of the results of a [Classifier], or,
// if they are keyed, a PCollection<[KeyedClassRow]>.
func ClassRows(s beam.Scope, results beam.PCollection) beam.PCollection {
	s = s.Scope("beamio.ClassRows")
	if typex.IsKV(results.Type()) {
		return beam.ParDo(s, keyedClassRowOf, results)
	}
	return beam.ParDo(s, classRowOf, results)
}

// SegmentRows makes a PCollection<[SegmentRow]> of the results of a [Segmenter],
// or, if they are keyed, a PCollection<[KeyedSegmentRow]>.
func SegmentRows(s beam.Scope, results beam.PCollection) beam.PCollection {
	s = s.Scope("beamio.SegmentRows")
	if typex.IsKV(results.Type()) {
		return beam.ParDo(s, keyedSegmentRowOf, results)
	}
	return beam.ParDo(s, segmentRowOf, results)
}

// FailureRows makes a PCollection<[FailureRow]> of the dead letters of a
// [Detector], [Classifier] or [Segmenter]. For keyed ones, and those of any other handler,
// there is [DeadLetters]; it panics for them.
func FailureRows(s beam.Scope, failures beam.PCollection) beam.PCollection {
	if t := failures.Type(); t.Type() != reflect.TypeFor[Failure[Picture]]() {
		panic(fmt.Sprintf("beamio.FailureRows: the collection holds %v; want Failure[Picture], see DeadLetters", t))
	}
	return beam.ParDo(s.Scope("beamio.FailureRows"), failureRowOf, failures)
}

func rowOf(_ context.Context, r PredictionResult[Picture, Detections]) Row {
	return NewRow(r.Example.Name, &r.Inference)
}

func keyedRowOf(_ context.Context, key beam.T, r PredictionResult[Picture, Detections]) KeyedRow {
	row := NewRow(r.Example.Name, &r.Inference)
	return KeyedRow{textOf(key), row.File, row.Object}
}

func classRowOf(_ context.Context, r PredictionResult[Picture, Classes]) ClassRow {
	return NewClassRow(r.Example.Name, &r.Inference)
}

func keyedClassRowOf(_ context.Context, key beam.T, r PredictionResult[Picture, Classes]) KeyedClassRow {
	row := NewClassRow(r.Example.Name, &r.Inference)
	return KeyedClassRow{textOf(key), row.File, row.Class}
}

func segmentRowOf(_ context.Context, r PredictionResult[Picture, Segments]) SegmentRow {
	return NewSegmentRow(r.Example.Name, &r.Inference)
}

func keyedSegmentRowOf(_ context.Context, key beam.T, r PredictionResult[Picture, Segments]) KeyedSegmentRow {
	row := NewSegmentRow(r.Example.Name, &r.Inference)
	return KeyedSegmentRow{textOf(key), row.File, row.Class}
}

func failureRowOf(_ context.Context, f Failure[Picture]) FailureRow {
	return FailureRow{f.Example.Name, f.Stage, f.Error}
}

// NewRow returns the row of one picture.
func NewRow(file string, d *Detections) Row {
	row := Row{File: file, Object: make([]RowObject, d.Len())}
	for i := range row.Object {
		o := RowObject{Label: d.Name(i), Score: d.Scores[i], Box: d.Boxes[4*i : 4*i+4], Keypoints: d.points(i)}
		if i < len(d.Masks) {
			o.Mask = &RowMask{[]int{d.Height, d.Width}, d.Masks[i]}
		}
		row.Object[i] = o
	}
	return row
}

// NewClassRow returns the row of one picture.
func NewClassRow(file string, c *Classes) ClassRow {
	row := ClassRow{File: file, Class: make([]RowClass, len(c.Scores))}
	for i, score := range c.Scores {
		row.Class[i].Score = score
		if i < len(c.Names) { // a Step of a Postprocess may leave them out
			row.Class[i].Label = c.Names[i]
		}
	}
	return row
}

// NewSegmentRow returns the row of one picture.
func NewSegmentRow(file string, c *Segments) SegmentRow {
	row := SegmentRow{File: file, Class: make([]RowSegment, len(c.Shares))}
	for i, share := range c.Shares {
		row.Class[i].Share = share
		if i < len(c.Names) {
			row.Class[i].Label = c.Names[i]
		}
		if i < len(c.Masks) {
			row.Class[i].Mask = &RowMask{[]int{c.Height, c.Width}, c.Masks[i]}
		}
	}
	return row
}
