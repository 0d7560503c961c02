package main

import "testing"

func TestGlobRoot(t *testing.T) {
	for glob, want := range map[string]string{
		"a/b/*.png": "a/b/", "a/b*/c/*.png": "a/", "*.png": "", "x.png": "", "/abs/x.png": "/abs/",
		"gs://bucket/in/**.jpg": "gs://bucket/in/",
	} {
		if got := globRoot(glob); got != want {
			t.Errorf("globRoot(%q) = %q, want %q", glob, got, want)
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
