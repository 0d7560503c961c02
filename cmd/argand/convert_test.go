package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
)

// digests returns what identifies each tensor of a file, sorted by key, which is how safetensors files are not ordered.
func digests(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	for _, x := range inspected(t, "--digest", path).Tensors {
		all = append(all, strings.Join([]string{x.Key, x.DType, tuple(x.Shape), x.Digest}, " "))
	}
	slices.Sort(all)
	return all
}

// TestConvertRoundTrip goes from any format to safetensors and back, and from there to safetensors again.
func TestConvertRoundTrip(t *testing.T) {
	model := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	for _, c := range []struct {
		in    string
		args  []string
		warns string // on the way to safetensors
	}{
		{model, nil, ""},
		{filepath.Join(checkpoints, "plain.pth"), nil, ""},
		{filepath.Join(checkpoints, "views.pth"), nil, "a safetensors file ties no tensors; written as copies: permute (of "},
		{filepath.Join(checkpoints, "tied.pth"), nil, "written as copies: decoder.weight (of embedding.weight), row (of "},
		{filepath.Join(checkpoints, "legacy.pth"), nil, ""},
		{filepath.Join(checkpoints, "tar.pth"), nil, "written as copies: transposed (of tail)\n"},
		{filepath.Join(checkpoints, "list.pth"), nil, ""},
		{filepath.Join(checkpoints, "special_bf16.pth"), nil, ""},
		{filepath.Join(checkpoints, "model.safetensors.index.json"), nil, ""},
		{filepath.Join(checkpoints, "whole_module.pth"), []string{"--inert"}, ""},
		{filepath.Join(checkpoints, "nested.pth"), nil, "not tensors, and not written: optimizer.param_groups.0.lr, "},
	} {
		t.Run(filepath.Base(c.in), func(t *testing.T) {
			dir := t.TempDir()
			first, torch, second := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.pth"), filepath.Join(dir, "c.safetensors")
			status, stdout, stderr := command(t, append([]string{"convert", c.in, first}, c.args...)...)
			if status != 0 || stdout != "" || !strings.Contains(stderr, c.warns) || (stderr == "") != (c.warns == "") {
				t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			for _, step := range [][2]string{{first, torch}, {torch, second}} {
				if status, stdout, stderr := command(t, "convert", step[0], step[1]); status != 0 || stdout+stderr != "" {
					t.Fatalf("%q: status %d, stdout %q, stderr %q", step, status, stdout, stderr)
				}
			}
			want := digests(t, c.in)
			for _, file := range []string{first, torch, second} {
				if got := digests(t, file); !slices.Equal(got, want) || len(want) == 0 {
					t.Errorf("%s has\n%q, want\n%q", filepath.Base(file), got, want)
				}
			}
			if r := inspected(t, torch); r.Format != "torch zip" || r.Inert {
				t.Errorf("%s: %s, inert %t", torch, r.Format, r.Inert)
			}
			if got := listing(t, dir); got != "a.safetensors b.pth c.safetensors" {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}

// TestConvertKeeps looks at what is kept besides tensors: shared storages, versions, metadata.
func TestConvertKeeps(t *testing.T) {
	dir := t.TempDir()
	tied := filepath.Join(dir, "tied.bin")
	if status, _, stderr := command(t, "convert", filepath.Join(checkpoints, "tied.pth"), tied); status != 0 {
		t.Fatal(stderr)
	}
	if x := inspected(t, tied).Tensors[1]; x.Key != "decoder.weight" || x.SharesWith == nil || *x.SharesWith != "embedding.weight" {
		t.Errorf("%+v is not tied", x)
	}
	plain := filepath.Join(dir, "plain.PT")
	if status, _, stderr := command(t, "convert", filepath.Join(checkpoints, "plain.pth"), plain); status != 0 {
		t.Fatal(stderr)
	}
	c, err := openFile(t.Context(), plain, "")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := c.Version("bn"); !ok || v != 2 {
		t.Errorf("version of bn is %d, %t", v, ok)
	}
	texts := writeTemp(t, dir, "texts.safetensors", safetensorsFile(
		`{"__metadata__":{"format":"pt","author":"x"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4))
	copied := filepath.Join(dir, "copied.safetensors")
	if status, _, stderr := command(t, "convert", texts, copied); status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	if m := inspected(t, copied).Metadata; len(m) != 2 || m["author"] != "x" {
		t.Errorf("metadata %v", m)
	}
	status, _, stderr := command(t, "convert", texts, filepath.Join(dir, "texts.pth"))
	if want := "argand: warning: metadata that a torch file cannot hold: author\n"; status != 0 || stderr != want {
		t.Errorf("status %d, stderr %q, want %q", status, stderr, want)
	}
}

func TestConvertMistakes(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(checkpoints, "plain.pth")
	there := writeTemp(t, dir, "there.pth", []byte("old"))
	folder := filepath.Join(dir, "folder.pth")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	empty := writeTemp(t, dir, "empty.safetensors", safetensorsFile("{}", 0))
	before := listing(t, dir)
	out := filepath.Join(dir, "out.pth")
	for _, c := range []struct {
		args   []string
		want   string
		status int
	}{
		{nil, "2 files, IN and OUT, got 0", 2},
		{[]string{in}, "got 1", 2},
		{[]string{in, filepath.Join(dir, "out.onnx")}, "must end in .safetensors, .pth, .pt or .bin", 2},
		{[]string{in, "gs://bucket/out.pth"}, "local files only", 2},
		{[]string{in, there}, "there already; --force", 1},
		{[]string{in, folder, "--force"}, "is a directory", 1},
		{[]string{empty, out}, "no tensors", 1},
		{[]string{filepath.Join(dir, "absent.pth"), out}, "absent.pth", 1},
		{[]string{filepath.Join(checkpoints, "whole_module.pth"), out}, "--inert takes it without running it", 1},
		{[]string{filepath.Join(checkpoints, "types.pth"), out}, `"f8": a tensor of type float8_e4m3fn cannot be written`, 1},
		{[]string{in, out, "--sha256", strings.Repeat("0", 64)}, "SHA-256 is ", 1},
		{[]string{in, out, "--sha256", "0"}, "not a SHA-256", 1},
	} {
		status, stdout, stderr := command(t, append([]string{"convert"}, c.args...)...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d, stdout %q, stderr %q, want %q", c.args, status, stdout, stderr, c.want)
		}
		if got := listing(t, dir); got != before {
			t.Fatalf("%q left %s", c.args, got)
		}
	}
	if status, _, stderr := command(t, "convert", in, there, "--force"); status != 0 {
		t.Error(stderr)
	}
	if got, want := digests(t, there), digests(t, in); !slices.Equal(got, want) {
		t.Errorf("--force wrote %q, want %q", got, want)
	}
}

// TestMeteredWriter stops in the middle of a write.
func TestMeteredWriter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var got bytes.Buffer
	w := &meteredWriter{w: &stopping{&got, cancel}, ctx: ctx, total: 3 * meteredPiece}
	n, err := w.Write(make([]byte, 3*meteredPiece))
	if !errors.Is(err, context.Canceled) || n != meteredPiece || got.Len() != n || w.done != int64(n) {
		t.Errorf("wrote %d of which %d arrived, %v", n, got.Len(), err)
	}
}

// stopping calls stop when something is written.
type stopping struct {
	*bytes.Buffer
	stop func()
}

func (s *stopping) Write(p []byte) (int, error) {
	s.stop()
	return s.Buffer.Write(p)
}
