package beamio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/nn/picture"
)

// A flaw is a way in which a picture can be broken.
type flaw struct {
	name          string
	make          func(t *testing.T, path string) // nil: there is no such file
	stage, reason string
}

// flaws are all that we know on every system; see pipe_test.go for another.
func flaws(t *testing.T) []flaw {
	jpg, png := jpegBytes(t, scene(64, 48, 1)), pngBytes(t, scene(64, 48, 1))
	file := func(data []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) { write(t, filepath.Dir(path), filepath.Base(path), data) }
	}
	changed := func(data []byte, at int, to ...byte) []byte {
		out := bytes.Clone(data)
		copy(out[at:], to)
		return out
	}
	huge := changed(png, 16, 0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0) // 100,000 × 100,000
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	huffman := bytes.Index(jpg, []byte{0xff, 0xc4}) + 5 // how many codes have one bit
	return append([]flaw{
		{"truncated.jpg", file(jpg[:len(jpg)/2]), StageDecode, "JPEG"},
		{"empty.jpg", file(nil), StageDecode, "no bytes"},
		{"text.jpg", file([]byte("This is no picture.\n")), StageDecode, "not a picture"},
		{"huge.png", file(huge), StageDecode, "too many pixels"},
		{"checksum.png", file(changed(png, 29, png[29]^1)), StageDecode, "PNG"},
		{"frameless.gif", file([]byte("GIF89a\x40\x00\x30\x00\x00\x00\x00;")), StageDecode, "GIF"},
		{"huffman.jpg", file(changed(jpg, huffman, 255)), StageDecode, "JPEG"},
		{"headless.jpg", file(jpg[:2]), StageDecode, ""},
		{"missing.jpg", nil, StageRead, "no such file"},
		{"folder.png", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, StageRead, "not a regular file"},
		{"dangling.png", func(t *testing.T, path string) {
			if err := os.Symlink(path+" is nowhere", path); err != nil {
				t.Fatal(err)
			}
		}, StageRead, "no such file"},
		{"sparse.png", func(t *testing.T, path string) {
			file(png)(t, path)
			if err := os.Truncate(path, picture.DefaultMaxBytes+1); err != nil {
				t.Fatal(err)
			}
		}, StageRead, "too many bytes"},
	}, moreFlaws...)
}

// moreFlaws are those of some systems.
var moreFlaws []flaw

// pictures writes n pictures, one in ten of which is broken, and returns them and
// the flaws of those that have one.
func pictures(t *testing.T, n int) (all []Picture, flawed map[string]flaw) {
	dir := t.TempDir()
	var good [][]byte
	for i := range 24 {
		img := scene(40+i%17, 40+i%13, i)
		good = append(good, jpegBytes(t, img), pngBytes(t, img))
	}
	ways := flaws(t)
	flawed = make(map[string]flaw)
	for i := range n {
		if i%10 != 7 {
			name := fmt.Sprintf("p%04d", i) // without a hint of its format
			write(t, dir, name, good[i%len(good)])
			all = append(all, Picture{Name: filepath.Join(dir, name)})
			continue
		}
		way := ways[i/10%len(ways)]
		path := filepath.Join(dir, fmt.Sprintf("p%04d%s", i, way.name))
		if way.make != nil {
			way.make(t, path)
		}
		all = append(all, Picture{Name: path})
		flawed[path] = way
	}
	delete(flawed, all[n-3].Name)
	all[n-3] = Picture{}
	flawed[""] = flaw{"nameless", nil, StageRead, "without name"}
	return all, flawed
}

// check compares rows and dead letters with what becomes of all pictures.
func check(t *testing.T, all []Picture, flawed map[string]flaw, rows []Row, failures []FailureRow) {
	t.Helper()
	seen, objects := make(map[string]int), 0
	for _, r := range rows {
		if _, bad := flawed[r.File]; bad || seen[r.File] > 0 {
			t.Errorf("a row for %s, after %d others", r.File, seen[r.File])
		}
		seen[r.File]++
		objects += len(r.Object)
		for _, o := range r.Object {
			if len(o.Box) != 4 || o.Score <= 0.3 || !slices.Contains(shapes.Labels()[1:], o.Label) || len(o.Mask.Size) != 2 {
				t.Fatalf("%s: object %+v", r.File, o)
			}
			rle := picture.RLE{H: o.Mask.Size[0], W: o.Mask.Size[1], Counts: o.Mask.Counts}
			if _, err := rle.Decode(); err != nil {
				t.Fatalf("%s: mask: %v", r.File, err)
			}
		}
	}
	for _, f := range failures {
		want, bad := flawed[f.File]
		if !bad || seen[f.File] > 0 || f.Stage != want.stage || !strings.Contains(f.Error, want.reason) {
			t.Errorf("dead letter %+v, want %s %q, after %d others", f, want.stage, want.reason, seen[f.File])
		}
		seen[f.File]++
	}
	for _, p := range all {
		if seen[p.Name] != 1 {
			t.Errorf("%q is there %d times", p.Name, seen[p.Name])
		}
	}
	if len(seen) != len(all) || len(failures) != len(flawed) {
		t.Errorf("%d rows and %d dead letters of %d pictures, %d of them broken",
			len(rows), len(failures), len(all), len(flawed))
	}
	if objects == 0 {
		t.Error("not one object in all pictures: the test shows nothing")
	}
}

// TestThousandPictures is the whole job: files, one in ten of them broken, to
// rows and dead letters.
func TestThousandPictures(t *testing.T) {
	n := 1000
	if raceDetector {
		n = 150
		t.Logf("with the race detector on only %d pictures", n)
	}
	all, flawed := pictures(t, n)
	out := t.TempDir()
	p, s := beam.NewPipelineWithRoot()
	h := shapesModel(t)
	h.MinSize, h.MaxSize = 32, 48
	found, failed := RunInferenceDLQ(s, h, beam.Reshuffle(s, beam.CreateList(s, all)), WithBatchSize(1, 8))
	WriteJSONL(s, filepath.Join(out, "rows.jsonl"), Rows(s, found))
	WriteJSONL(s, filepath.Join(out, "failures.jsonl"), FailureRows(s, failed))
	m := run(t, p)

	failures := readLines[FailureRow](t, filepath.Join(out, "failures.jsonl"))
	rows := readLines[Row](t, filepath.Join(out, "rows.jsonl"))
	check(t, all, flawed, rows, failures)
	if !slices.IsSortedFunc(rows, func(a, b Row) int { return strings.Compare(a.File, b.File) }) {
		t.Error("rows are not sorted by file")
	}
	c := counters(m, DefaultNamespace)
	if int(c["num_inferences"]) != len(rows) || int(c["failed_examples"]) != len(flawed) || c["failed_batches_counter"] != 0 {
		t.Errorf("counters %v", c)
	}
	d := distributions(m, DefaultNamespace)
	if d := d["model_byte_size"]; d.Count != 1 || d.Sum < 2_000_000 {
		t.Errorf("model_byte_size %+v", d)
	}
	if d := d["inference_request_batch_size"]; d.Max < 2 || d.Max > 8 || int(d.Sum) != len(rows) {
		t.Errorf("batches %+v", d)
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 2 {
		t.Errorf("the output directory holds %v, %v", entries, err)
	}
}

// TestBrokenPicturesInBundles has bundles of three pictures at once, whose
// batches are gathered, by hand and without a runner.
func TestBrokenPicturesInBundles(t *testing.T) {
	fresh(t)
	all, flawed := pictures(t, 10*len(flaws(t)))
	h := shapesModel(t)
	h.MinSize, h.MaxSize = 32, 48
	packed, err := pack(h)
	if err != nil {
		t.Fatal(err)
	}
	set, err := newSettings(h, false, []Option{WithBatchSize(1, 4), WithBatchDelay(2 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	spec := mustJSON(t, inferSpec{set, packed})
	type outcome struct {
		row     *Row
		failure *FailureRow
	}
	outcomes := make(chan outcome, len(all))
	next := make(chan []Picture, len(all))
	for part := range slices.Chunk(all, 3) {
		next <- part
	}
	close(next)
	done := make(chan error)
	const instances = 4
	for range instances {
		go func() {
			f := &inferFn[Picture, Detections]{Spec: spec}
			ctx := metrics.SetPTransformID(metrics.SetBundleID(context.Background(), "bundle"), "transform")
			result := func(_ beam.EventTime, r PredictionResult[Picture, Detections]) {
				row := NewRow(r.Example.Name, &r.Inference)
				outcomes <- outcome{row: &row}
			}
			failure := func(_ beam.EventTime, r Failure[Picture]) {
				outcomes <- outcome{failure: &FailureRow{r.Example.Name, r.Stage, r.Error}}
			}
			for part := range next {
				err := f.StartBundle(ctx, result, failure)
				for _, p := range part {
					if err == nil {
						err = f.ProcessElement(ctx, 0, p, result, failure)
					}
				}
				if err == nil {
					err = f.FinishBundle(ctx, result, failure)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range instances {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	close(outcomes)
	var rows []Row
	var failures []FailureRow
	for o := range outcomes {
		if o.row != nil {
			rows = append(rows, *o.row)
		} else {
			failures = append(failures, *o.failure)
		}
	}
	check(t, all, flawed, rows, failures)
}
