package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/beamio/parquet"
	"github.com/argand-go/argand/internal/shapes"
)

// put writes files into a directory of any of Beam's file systems.
func put(t *testing.T, dir string, all map[string][]byte) {
	t.Helper()
	files, err := beamio.FileSystem(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range all {
		if err := filesystem.Write(t.Context(), files, dir+name, data); err != nil {
			t.Fatal(err)
		}
	}
}

// detectAll adds to a pipeline what finds objects in pictures with the network of a directory and writes all there is
// into others.
func detectAll(s beam.Scope, pictures beam.PCollection, from string, to ...string) {
	handler := &beamio.Detector{Model: from + "shapes.pth", Labels: from + "names.json", MinSize: 128, MaxSize: 200, Score: 0.3}
	found, failed := beamio.RunInferenceDLQ(s, handler, pictures)
	rows, failures := beamio.Rows(s, found), beamio.FailureRows(s, failed)
	for _, dir := range to {
		beamio.WriteJSONL(s, dir+"detections.jsonl", rows)
		beamio.WriteJSONL(s, dir+"parts.jsonl", rows, beamio.WithShards(2))
		parquet.Write(s, dir+"detections.parquet", rows)
		beamio.WriteJSONL(s, dir+"failures.jsonl", failures)
		parquet.Write(s, dir+"failures.parquet", failures)
		parquet.Write(s, dir+"letters.parquet", beamio.DeadLetters(s, failed))
		beamio.WriteOverlays(s, beamio.Overlays{Dir: dir + "overlays", Root: from + "in/*"}, found)
	}
}

// TestSinksCloud runs the same pictures, matched by a pattern and named by a list, from the cloud and from local files,
// and writes everything that there is to write into the cloud and beside it: it is the same, byte for byte, but for
// where the pictures are.
func TestSinksCloud(t *testing.T) {
	picture, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		t.Fatal(err)
	}
	names, err := beamio.ReadFile(t.Context(), writeTemp(t, t.TempDir(), "n", []byte(`["circle","square","triangle","star"]`)), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{
		"shapes.pth": shapes.Model(), "names.json": names, "in/a.png": picture, "in/b c+50% #1?.png": picture,
		"in/text.png": []byte("this is no picture"),
	}
	written := []string{"detections.jsonl", "detections.parquet", "failures.jsonl", "failures.parquet", "letters.parquet",
		"parts-00000-of-00002.jsonl", "parts-00001-of-00002.jsonl", "overlays/a.overlay.png", "overlays/b c+50% #1?.overlay.png"}
	inClouds(t, func(t *testing.T, c *cloud, bucket string) {
		cloudy, local := bucket+"sinks/", filepath.ToSlash(t.TempDir())+"/"
		for _, dir := range []string{cloudy, local} {
			put(t, dir, all)
			list := fmt.Sprintf("%sin/a.png\n%[1]sin/text.png\r\n\n%[1]sin/b c+50%% #1?.png\n", dir)
			put(t, dir, map[string][]byte{"list.txt": []byte(list)})
		}
		c.reads("")
		p, s := beam.NewPipelineWithRoot()
		detectAll(s, beamio.MatchImages(s, cloudy+"in/*.png"), cloudy, cloudy+"matched/", local+"cloudy/")
		detectAll(s, beamio.ListImages(s, cloudy+"list.txt"), cloudy, cloudy+"listed/")
		detectAll(s, beamio.MatchImages(s, local+"in/*.png"), local, local+"local/")
		if _, err := prism.Execute(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if n := c.reads("shapes.pth"); n != 1 {
			t.Errorf("the network was read %d times", n)
		}
		for _, name := range written {
			read := func(dir string) []byte {
				data, err := beamio.ReadFile(t.Context(), dir+name, 1<<20)
				if err != nil {
					t.Error(err)
				}
				return data
			}
			want := read(local + "cloudy/")
			for _, dir := range []string{"matched/", "listed/"} {
				if got := read(cloudy + dir); !bytes.Equal(got, want) {
					t.Errorf("%s%s: %d bytes, want the %d of a local file", dir, name, len(got), len(want))
				}
			}
			plain := read(local + "local/")
			switch path.Ext(name) {
			case ".jsonl":
				if strings.HasPrefix(name, "parts") { // other names are in other shards
					continue
				}
				want = bytes.ReplaceAll(want, []byte(cloudy), []byte(local))
			case ".parquet":
				continue
			}
			if !bytes.Equal(plain, want) {
				t.Errorf("%s of local pictures:\n%.300q\nof the same elsewhere:\n%.300q", name, plain, want)
			}
		}
		for _, dir := range []string{cloudy + "matched/", cloudy + "listed/"} {
			got, want := listed(t, dir, "*")+" "+listed(t, dir, "overlays/*"), strings.Join(written, " ")
			if got != want {
				t.Errorf("%s has %s, want %s", dir, got, want)
			}
		}
		rows := remoteRows(t, cloudy+"matched/detections.jsonl")
		if len(rows) != 2 || rows[0].File != cloudy+"in/a.png" || len(rows[0].Object) == 0 || rows[0].Object[0].Mask == nil {
			t.Errorf("rows %+v", rows)
		}
		failures, err := beamio.ReadFile(t.Context(), cloudy+"matched/failures.jsonl", 1<<10)
		if err != nil || !strings.HasPrefix(string(failures), `{"file":"`+cloudy+`in/text.png","stage":"decode",`) {
			t.Errorf("failures %s, %v", failures, err)
		}
	})
}
