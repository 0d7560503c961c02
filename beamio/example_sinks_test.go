package beamio_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

func init() { register.Function1x0(printPath) }

func printPath(path string) { fmt.Println(path) }

// printFile prints a text of any filesystem of Beam's.
func printFile(path string) {
	data, err := beamio.ReadFile(context.Background(), path, 1<<20)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(string(data))
}

// twoRows are what a Detector may have found in two pictures.
var twoRows = []beamio.Row{
	{File: "b.jpg", Object: []beamio.RowObject{}},
	{File: "a.jpg", Object: []beamio.RowObject{{Label: "cat", Score: 0.75, Box: []float32{0, 0, 10, 20}}}},
}

// A file of a line for each picture, sorted by their names.
func ExampleWriteJSONL() {
	p, s, rows := ptest.CreateList(twoRows)
	beamio.WriteJSONL(s, "memfs://out/detections.jsonl", rows)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	printFile("memfs://out/detections.jsonl")
	// Output:
	// {"file":"a.jpg","object":[{"label":"cat","score":0.75,"box":[0,0,10,20]}]}
	// {"file":"b.jpg","object":[]}
}

// Two files, written by two workers.
func ExampleWithShards() {
	p, s, rows := ptest.CreateList(twoRows)
	beam.ParDo0(s, printPath, beamio.WriteJSONL(s, "memfs://shards/detections.jsonl", rows, beamio.WithShards(2)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// memfs://shards/detections-00000-of-00002.jsonl
	// memfs://shards/detections-00001-of-00002.jsonl
}

// Failures of any handler as rows, for the sinks that take rows.
func ExampleDeadLetters() {
	p, s, words := ptest.CreateList([]string{"gopher", ""})
	_, failures := beamio.RunInferenceDLQ(s, &Counter{}, words)
	beamio.WriteJSONL(s, "memfs://letters/failures.jsonl", beamio.DeadLetters(s, failures))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	printFile("memfs://letters/failures.jsonl")
	// Output:
	// {"key":"","example":"","stage":"inference","error":"an empty word","model_id":"counter"}
}

// Overlays lie below their directory as their pictures lie below what the pattern begins with.
func ExampleWriteOverlays() {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		fmt.Println(err)
	}
	memfs.Write("memfs://photos/2026/a.png", b.Bytes())
	const glob = "memfs://photos/*/*.png"
	// What a Detector makes of MatchImages(s, glob).
	p, s, found := ptest.CreateList([]beamio.PredictionResult[beamio.Picture, beamio.Detections]{{
		Example: beamio.Picture{Name: "memfs://photos/2026/a.png"},
		Inference: beamio.Detections{Width: 40, Height: 30, Boxes: []float32{5, 5, 30, 20}, Labels: []int{1},
			Names: []string{"cat"}, Scores: []float32{0.75}},
	}})
	beam.ParDo0(s, printPath, beamio.WriteOverlays(s, beamio.Overlays{Dir: "memfs://overlays", Root: glob}, found))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output:
	// memfs://overlays/2026/a.overlay.png
}
