package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
)

// digest returns the SHA-256 of data and one that differs in its last digit.
func digest(data []byte) (right, wrong string) {
	sum := sha256.Sum256(data)
	right = hex.EncodeToString(sum[:])
	sum[len(sum)-1] ^= 1
	return right, hex.EncodeToString(sum[:])
}

func TestInspectCloud(t *testing.T) {
	local := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	right, wrong := digest(shapes.Model())
	inClouds(t, func(t *testing.T, c *cloud, bucket string) {
		for _, flags := range [][]string{{"--json", "--digest"}, {"--stats"}, {"--sha256", right}} {
			args := append([]string{"inspect"}, flags...)
			_, want, _ := command(t, append(args, local)...)
			c.reads("")
			status, got, stderr := command(t, append(args, bucket+"shapes.pth")...)
			if status != 0 || stderr != "" || got != want || !strings.Contains(got, "maskrcnn_resnet50_fpn") {
				t.Errorf("%q: status %d, stderr %q, stdout\n%s\nwant\n%s", args, status, stderr, got, want)
			}
			if n := c.reads("shapes.pth"); n != 1 {
				t.Errorf("%q: the file was read %d times", args, n)
			}
		}
		nowhere := strings.Replace(bucket, "argand", "nowhere", 1) + "shapes.pth"
		for path, want := range map[string]string{
			bucket + "absent.pth": bucket + "absent.pth: ",
			nowhere:               nowhere + ": ",
			bucket + "shapes.pth": bucket + "shapes.pth: SHA-256 is " + right,
		} {
			status, stdout, stderr := command(t, "inspect", "--sha256", wrong, path)
			if status != 1 || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s: status %d, stdout %q, stderr %q", path, status, stdout, stderr)
			}
		}
		c.reads("")
		r := inspected(t, bucket+"dir/evil.pth")
		if n := c.reads("evil.pth"); n != 1 || !r.Inert {
			t.Errorf("a file that is refused otherwise was read %d times: %+v", n, r)
		}
		out := filepath.Join(t.TempDir(), "shapes.safetensors")
		if status, _, stderr := command(t, "convert", bucket+"shapes.pth", out); status != 0 || stderr != "" {
			t.Errorf("convert: status %d, %s", status, stderr)
		}
	})
}

// TestShardsCloud opens indexes of shards, which are read once each, and those that lead to no shard beside them.
func TestShardsCloud(t *testing.T) {
	inClouds(t, func(t *testing.T, c *cloud, bucket string) {
		for index, shards := range map[string][]string{
			"model.safetensors.index.json": {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"},
			"pytorch_model.bin.index.json": {"pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"},
		} {
			want := inspected(t, "--digest", filepath.Join(checkpoints, index))
			c.reads("")
			got := inspected(t, "--digest", bucket+"dir/"+index)
			asked := slices.Clone(c.asked)
			slices.Sort(asked)
			if all := append([]string{index}, shards...); !slices.Equal(asked, slices.Sorted(slices.Values(all))) {
				t.Errorf("%s: read %q", index, asked)
			}
			if len(got.Tensors) != len(want.Tensors) || got.Format != want.Format {
				t.Fatalf("%s: %d tensors, %s", index, len(got.Tensors), got.Format)
			}
			for i, w := range want.Tensors {
				if g := got.Tensors[i]; g.Key != w.Key || g.Digest != w.Digest ||
					g.Shard != bucket+"dir/"+filepath.Base(w.Shard) {
					t.Errorf("%s: %+v, want %+v", index, g, w)
				}
			}
		}
		for index, want := range map[string]string{
			"torn.index.json": bucket + "dir/absent.safetensors: ",
			"sly.index.json":  bucket + "dir/..%2Fshapes.pth: ",
			"out.index.json":  `"../shapes.pth" is not the plain name of a file`,
		} {
			c.reads("")
			status, _, stderr := command(t, "inspect", bucket+"dir/"+index)
			if status != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s: status %d, %q; want %q", index, status, stderr, want)
			}
			if c.reads("shapes.pth") > 0 {
				t.Errorf("%s leads out of its directory", index)
			}
		}
	})
}

// TestMatchCloud lists objects by patterns that Beam's clients do not understand.
func TestMatchCloud(t *testing.T) {
	inClouds(t, func(t *testing.T, _ *cloud, bucket string) {
		const safe = "dir/model-00001-of-00002.safetensors dir/model-00002-of-00002.safetensors"
		for pattern, want := range map[string]string{
			"in/*": "in/s256.png", "in/s256.png": "in/s256.png", "*/s[0-9]56.*": "in/s256.png",
			"odd/*": "odd/a b+50% #1?.png", "odd/a b+50% #1?.png": "odd/a b+50% #1?.png", "od?/*": "odd/a b+50% #1?.png",
			"dir/model-0000?-of-00002.safetensors": safe, "dir/model-0000[!2-9]-*": safe[:36], "[d]ir/mode*s": safe,
			`*/s2\56.p?g`: "in/s256.png", "od*/a b+50%*\\?.png": "odd/a b+50% #1?.png",
		} {
			if got := listed(t, bucket, pattern); got != want {
				t.Errorf("%s matches %q, want %q", pattern, got, want)
			}
		}
		for _, pattern := range []string{"in/*.jpg", "in/s25?.jpg", "in/["} {
			if files, err := matchFiles(t.Context(), bucket+pattern); err == nil || !strings.Contains(err.Error(), pattern) {
				t.Errorf("%s matches %q, %v", pattern, files, err)
			}
		}
	})
}

// TestPipelineCloud has network, names, pictures and results in the cloud, and compares with detect on local files.
func TestPipelineCloud(t *testing.T) {
	right, wrong := digest(shapes.Model())
	local := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	flags := []string{"--min-size", "256", "--max-size", "400"}
	file := pictures(t, "s256.png")[0]
	_, line, _ := command(t, append([]string{"detect", "--jsonl", "--model", local, file}, flags...)...)
	var want result
	strict(t, line, &want)
	inClouds(t, func(t *testing.T, c *cloud, bucket string) {
		args := append([]string{"pipeline", "--model", bucket + "shapes.pth", "--labels", bucket + "names.json"}, flags...)
		c.reads("")
		status, stdout, stderr := command(t,
			append(args, "--input", bucket+"*/*.png", "--sha256", right, "--output", bucket+"été 1+1")...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "2 pictures, ") {
			t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		if n := c.reads("shapes.pth"); n > 1 { // not at all if the test runs again: a process keeps its networks
			t.Errorf("the network was read %d times", n)
		}
		written := listed(t, bucket, "été 1+1/*") + " " + listed(t, bucket, "été 1+1/*/*")
		if written != "été 1+1/detections.jsonl été 1+1/in/s256.overlay.png été 1+1/odd/a b+50% #1?.overlay.png" {
			t.Errorf("wrote %s", written)
		}
		got := remoteRows(t, bucket+"été 1+1/"+detectionsJSONL)
		if len(got) != 2 || got[0].File != bucket+"in/s256.png" || got[1].File != bucket+"odd/a b+50% #1?.png" {
			t.Fatalf("rows %+v", got)
		}
		for _, row := range got {
			found := detections(t, row)
			if len(found) != len(want.Detections) || len(found) == 0 {
				t.Fatalf("%d objects, want %d", len(found), len(want.Detections))
			}
			for i, w := range want.Detections {
				if g := found[i]; g.Box != w.Box || g.Score != w.Score || g.Name != shapes.Labels()[w.Label] || *g.Mask != *w.Mask {
					t.Errorf("object %d: %+v, want %+v", i, g, w)
				}
			}
		}
		overlay, err := beamio.ReadFile(t.Context(), bucket+"été 1+1/in/s256.overlay.png", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(overlay))
		if err != nil || img.Bounds() != decodePNG(t, file).Bounds() {
			t.Errorf("overlay: %v", err)
		}

		out := t.TempDir()
		status, _, stderr = command(t, append(args, "--input", bucket+"in/*.png", "--sha256", wrong, "--output", out)...)
		if status != 1 || !strings.Contains(stderr, "SHA-256 is "+right) || listing(t, out) != "" {
			t.Errorf("another checksum: status %d, stderr %q, output %q", status, stderr, listing(t, out))
		}
		names := []string{"detect", "--jsonl", "--model", local, "--labels", bucket + "names.json", file}
		if _, got, stderr := command(t, append(names, flags...)...); !strings.Contains(got, `"name":"circle"`) {
			t.Errorf("detect with names from the cloud: %s, %s", got, stderr)
		}
	})
}

// TestPipelineListCloud has the list of pictures in the cloud, pictures in two clouds, and all results in one.
func TestPipelineListCloud(t *testing.T) {
	inClouds(t, func(t *testing.T, c *cloud, bucket string) {
		status, stdout, stderr := command(t, "pipeline", "--list", bucket+"list.txt", "--output", bucket+"listed", "--format",
			"parquet", "--shards", "2", "--summary", bucket+"listed/summary.json", "--min-size", "128", "--max-size", "200")
		if status != 0 || !strings.HasPrefix(stderr, "argand: s3://argand/absent.png: read: ") || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(stdout, "3 pictures, 2 objects, 1 failure in") {
			t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		for _, scheme := range []string{"gs", "s3"} {
			if !strings.Contains(stdout, "\n"+scheme+"://argand/in/s256.png   circle ") {
				t.Errorf("no row of %s in\n%s", scheme, stdout)
			}
		}
		const want = "listed/detections-00000-of-00002.parquet listed/detections-00001-of-00002.parquet listed/failures.jsonl " +
			"listed/summary.json"
		if got := listed(t, bucket, "listed/*"); got != want {
			t.Errorf("wrote %s", got)
		}
		if got := listed(t, bucket, "listed/argand/in/*"); got != "listed/argand/in/s256.overlay.png" {
			t.Errorf("overlays %s", got)
		}
		status, _, stderr = command(t, "pipeline", "--list", bucket+"absent.txt", "--output", t.TempDir())
		if status != 1 || !strings.HasPrefix(stderr, "argand: "+bucket+"absent.txt: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("no list: status %d, stderr %q", status, stderr)
		}
	})
}

func remoteRows(t *testing.T, path string) []beamio.Row {
	t.Helper()
	var all []beamio.Row
	err := eachLine(t.Context(), path, func(r beamio.Row) { all = append(all, r) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPipelineChecksCloud wants mistakes with remote files told in a line before a job is submitted, and nothing
// written; what cannot be reached from here is for workers to say.
func TestPipelineChecksCloud(t *testing.T) {
	local := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	inClouds(t, func(t *testing.T, c *cloud, bucket string) {
		for _, k := range []struct{ model, labels, want string }{
			{bucket + "absent.pth", bucket + "names.json", bucket + "absent.pth: "},
			{bucket + "shapes.pth", bucket + "absent.json", bucket + "absent.json: "},
			{bucket + "shapes.pth", bucket + "shapes.pth", bucket + "shapes.pth: name 0, "},
			{local, bucket + "few.txt", bucket + "few.txt: 2 names, the network has 5 classes"},
			{local, "nowhere://few.txt", "nowhere://few.txt: "},
		} {
			out := t.TempDir()
			c.reads("")
			status, stdout, stderr := command(t, "pipeline", "--input", bucket+"in/*", "--model", k.model,
				"--labels", k.labels, "--output", out)
			if status != 1 || stdout != "" || !strings.HasPrefix(stderr, "argand: "+k.want) ||
				strings.Count(stderr, "\n") != 1 || listing(t, out) != "" {
				t.Errorf("%+v: status %d, stdout %q, stderr %q, left %q", k, status, stdout, stderr, listing(t, out))
			}
			if n := c.reads("shapes.pth"); n > 0 && k.labels != bucket+"shapes.pth" {
				t.Errorf("%+v: the checkpoint was read", k)
			}
		}
	})
}
