package main

import "testing"

func TestGlobRootAndBelow(t *testing.T) {
	for _, c := range []struct{ glob, file, root, below string }{
		{"a/b/*.png", "a/b/x.png", "a/b/", "x.png"},
		{"a/b*/c/*.png", "a/bb/c/x.png", "a/", "bb/c/x.png"},
		{"*.png", "x.png", "", "x.png"},
		{"x.png", "x.png", "", "x.png"},
		{"/abs/x.png", "/abs/x.png", "/abs/", "x.png"},
		{"gs://bucket/in/**.jpg", "gs://bucket/in/a/b.jpg", "gs://bucket/in/", "a/b.jpg"},
		{"in/*.png", "elsewhere/x.png", "in/", "x.png"},
		{"*.png", "../x.png", "", "x.png"},
		{"in/*", "in/../../x.png", "in/", "x.png"},
	} {
		if got := globRoot(c.glob); got != c.root {
			t.Errorf("globRoot(%q) = %q, want %q", c.glob, got, c.root)
		}
		if got := below(c.root, c.file); got != c.below {
			t.Errorf("below(%q, %q) = %q, want %q", c.root, c.file, got, c.below)
		}
	}
}

func TestJoinPath(t *testing.T) {
	if got := joinPath("gs://bucket/out/", "a/b.png"); got != "gs://bucket/out/a/b.png" {
		t.Error(got)
	}
	if got := overlayName("a.jpg"); got != "a.jpg.overlay.png" {
		t.Error(got)
	}
	if got := overlayName("a.png"); got != "a.overlay.png" {
		t.Error(got)
	}
}
