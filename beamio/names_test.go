package beamio

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func TestParseNames(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"__background__\ncat\nbig dog\n", []string{"__background__", "cat", "big dog"}},
		{"\ufeffcat\r\ndog\r\n\r\n", []string{"cat", "dog"}},
		{"cat\n\ndog", []string{"cat", "", "dog"}},
		{` ["cat", "dog"] `, []string{"cat", "dog"}},
		{"\ufeff[\"cat\", \"\"]\n", []string{"cat", ""}},
	} {
		if got, err := ParseNames([]byte(c.text)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("ParseNames(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", " \n", "[]", "[1, 2]", `["cat"`, `["a\nb"]`, "\x89PNG\r\n\x1a\n\x00"} {
		if got, err := ParseNames([]byte(text)); err == nil {
			t.Errorf("ParseNames(%q) = %q, want an error", text, got)
		}
	}
}

func FuzzParseNames(f *testing.F) {
	for _, seed := range []string{"cat\ndog", `["cat","dog"]`, "[", "\ufeff", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := ParseNames(data)
		if (err == nil) != (len(names) > 0) {
			t.Errorf("%d names and error %v", len(names), err)
		}
		for _, name := range names {
			if slices.ContainsFunc([]rune(name), func(r rune) bool { return r < ' ' }) {
				t.Errorf("name %q holds a control character", name)
			}
		}
	})
}

// TestDetectorNames has names in all forms, on two filesystems, with and without the background.
func TestDetectorNames(t *testing.T) {
	for i, c := range []struct {
		text string
		want []string
	}{
		{"a \r\nb\r\nc\r\nd\r\n", []string{"__background__", "a", "b", "c", "d"}},
		{"\ufeffbg\na\nb\nc\nd\n \n", []string{"bg", "a", "b", "c", "d"}},
		{`["a", "b", "c", ""]`, []string{"__background__", "a", "b", "c", ""}},
		{`["bg", "a", "b", "c", ""]`, []string{"bg", "a", "b", "c", ""}},
	} {
		h := shapesModel(t)
		write(t, filepath.Dir(h.Labels), "names.txt", []byte(c.text))
		remote := fmt.Sprintf("memfs://names/%d", i)
		memfs.Write(remote, []byte(c.text))
		for _, h.Labels = range []string{h.Labels, remote} {
			m, err := h.Load(t.Context())
			if err != nil {
				t.Errorf("%q in %s: %v", c.text, h.Labels, err)
				continue
			}
			d := m.(*Steps[Picture, *picture.RGB, Detections]).Network.(*onDevice).network.(*vision.Detector)
			if got := d.Labels(); !slices.Equal(got, c.want) {
				t.Errorf("%q in %s: names %q, want %q", c.text, h.Labels, got, c.want)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if got := AddBackground(nil, 1); got != nil {
		t.Errorf("the background alone: %q", got)
	}
}
