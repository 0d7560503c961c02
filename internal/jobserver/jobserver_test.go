//go:build unix

package jobserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoServer wants errors that say what is missing.
func TestNoServer(t *testing.T) {
	if _, err := Start(t.TempDir(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no beam-runners-flink") {
		t.Errorf("without jars: %v", err)
	}
	jars, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(jars, "beam-runners-flink-0.jar"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	if _, err := Start(jars, t.TempDir()); err == nil || !strings.Contains(err.Error(), "java") {
		t.Errorf("without java: %v", err)
	}
}

// TestServerEnds has a java that tells its trouble and ends.
func TestServerEnds(t *testing.T) {
	jars, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(jars, "beam-runners-flink-0.jar"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	java := []byte("#!/bin/sh\necho a line\necho out of beans\nexit 3\n")
	if err := os.WriteFile(filepath.Join(bin, "java"), java, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	_, err := Start(jars, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.HasSuffix(err.Error(), "out of beans") {
		t.Errorf("got %v", err)
	}
}
