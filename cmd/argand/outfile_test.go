package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWriteFileIsWholeOrNot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	path := filepath.Join(dir, "out")
	write := func(text string, err error) error {
		return writeFile(path, func(w io.Writer) error {
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
			return err
		})
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := write("second", boom); !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "first" {
		t.Errorf("after a failed write the file has %q, %v; want first", data, err)
	}
	if err := write("third", nil); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "third" {
		t.Errorf("the file has %q, want third", data)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("directory has %v, %v; want one file", entries, err)
	}
}

// TestWriteFilePermissions wants those of the file that is replaced, and for a new file those that any has.
func TestWriteFilePermissions(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"new": mode(t, plain), "secret": 0o600, "open": 0o777} {
		path := filepath.Join(dir, name)
		if name != "new" {
			if err := os.Chmod(writeTemp(t, dir, name, nil), want); err != nil {
				t.Fatal(err)
			}
		}
		err := writeFile(path, func(w io.Writer) error {
			_, err := io.WriteString(w, "content")
			return err
		})
		if got := mode(t, path); err != nil || got != want {
			t.Errorf("%s: permissions %v, %v; want %v", name, got, err, want)
		}
	}
}

// TestWriteFileLeavesWhatIsNoFile wants devices, pipes and directories to stay what they are.
func TestWriteFileLeavesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "there")
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	err := writeFile(path, func(io.Writer) error { return errors.New("asked to write") })
	if err == nil || err.Error() != path+" is no regular file" {
		t.Errorf("error %v", err)
	}
	if got := listing(t, dir); got != "there" {
		t.Errorf("left %s", got)
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestDropHalves leaves what is whole, what is of others, and what was there before.
func TestDropHalves(t *testing.T) {
	dir := t.TempDir()
	start := time.Now()
	for _, name := range []string{"detections.jsonl.tmp-A", "failures.jsonl.tmp-B", "detections.jsonl", "a.jsonl.tmp-C",
		"detections.jsonl.tmp-old"} {
		writeTemp(t, dir, name, nil)
	}
	hour := start.Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "detections.jsonl.tmp-old"), hour, hour); err != nil {
		t.Fatal(err)
	}
	p := &pipeline{jobFlags: jobFlags{output: dir}}
	p.dropHalves(start)
	if got := listing(t, dir); got != "a.jsonl.tmp-C detections.jsonl detections.jsonl.tmp-old" {
		t.Errorf("left %s", got)
	}
	p.output = filepath.Join(dir, "absent")
	p.dropHalves(start)
	p.output = "gs://bucket/out"
	p.dropHalves(start)
}
