//go:build unix

package beamio

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

func init() {
	moreFlaws = append(moreFlaws, flaw{"pipe.png", func(t *testing.T, path string) {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}, StageRead, "not a regular file"})
}

// TestPipesAreDeadLetters has a pipe that nobody writes to, a device and a directory among the pictures.
func TestPipesAreDeadLetters(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	write(t, dir, "a.png", pngBytes(t, scene(64, 48, 1)))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.png"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "zero.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.png"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, s := beam.NewPipelineWithRoot()
	found, failed := RunInferenceDLQ(s, shapesModel(t), MatchImages(s, filepath.Join(dir, "*.png")))
	WriteJSONL(s, filepath.Join(out, "rows.jsonl"), Rows(s, found))
	WriteJSONL(s, filepath.Join(out, "failures.jsonl"), FailureRows(s, failed))
	run(t, p)
	if rows := readLines[Row](t, filepath.Join(out, "rows.jsonl")); len(rows) != 1 {
		t.Errorf("rows %+v", rows)
	}
	var names []string
	for _, f := range readLines[FailureRow](t, filepath.Join(out, "failures.jsonl")) {
		names = append(names, filepath.Base(f.File))
		if f.Stage != StageRead || f.Error != "not a regular file" {
			t.Errorf("dead letter %+v", f)
		}
	}
	equal(t, "dead letters", names, []string{"folder.png", "pipe.png", "zero.png"})
}
