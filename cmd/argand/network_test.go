package main

import (
	"slices"
	"testing"
)

func TestParseLabels(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"__background__\ncat\nbig dog\n", []string{"__background__", "cat", "big dog"}},
		{"\ufeffcat\r\ndog\r\n\r\n", []string{"cat", "dog"}},
		{"cat\n\ndog", []string{"cat", "", "dog"}},
		{` ["cat", "dog"] `, []string{"cat", "dog"}},
	} {
		if got, err := parseLabels([]byte(c.text)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("parseLabels(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"", " \n", "[]", "[1, 2]", `["cat"`, `["a\nb"]`, "\x89PNG\r\n\x1a\n\x00"} {
		if got, err := parseLabels([]byte(text)); err == nil {
			t.Errorf("parseLabels(%q) = %q, want an error", text, got)
		}
	}
}

func FuzzParseLabels(f *testing.F) {
	for _, seed := range []string{"cat\ndog", `["cat","dog"]`, "[", "\ufeff", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := parseLabels(data)
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
