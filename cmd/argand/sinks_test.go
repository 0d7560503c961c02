package main

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEarlier does not take an earlier job's files for those of a job that wrote its own on another machine, and does
// take those that a job has replaced.
func TestEarlier(t *testing.T) {
	t.Cleanup(func() {
		if err := flag.Set("runner", ""); err != nil {
			t.Error(err)
		}
	})
	if err := flag.Set("runner", "universal"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var out, errs strings.Builder
	p := &pipeline{jobFlags: jobFlags{output: dir, shards: 1, format: formatJSONL}, stdout: &out, stderr: &errs}
	const line = `{"file":"earlier.png","object":[]}` + "\n"
	for range 2 { // the first finds no file
		out.Reset()
		p.noteEarlier()
		if err := p.summarise(t.Context(), nil, 0); err != nil || out.String() != "results are in "+dir+"\n" {
			t.Errorf("%v, %q", err, out.String())
		}
		writeTemp(t, dir, detectionsJSONL, []byte(line))
		writeTemp(t, dir, failuresFile, nil)
	}
	for _, name := range []string{detectionsJSONL, failuresFile} {
		fresh := writeTemp(t, dir, "fresh", []byte(strings.Repeat(line, len(name)-len(failuresFile))))
		if err := os.Rename(fresh, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if path, ok := p.unchanged(); ok {
		t.Errorf("%s is taken for the earlier job's", path)
	}
	found, err := p.collect(t.Context())
	if err != nil || found.pictures != len(detectionsJSONL)-len(failuresFile) || found.failed != 0 {
		t.Errorf("%v, %+v", err, found)
	}
}

// TestFailuresDropped reads the results of a job on this machine whose empty file of failures another job with the same
// output has dropped; a job elsewhere has not written its files here then.
func TestFailuresDropped(t *testing.T) {
	t.Cleanup(func() {
		if err := flag.Set("runner", ""); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	writeTemp(t, dir, detectionsJSONL, []byte(`{"file":"a.png","object":[]}`+"\n"))
	p := &pipeline{jobFlags: jobFlags{output: dir, shards: 1, format: formatJSONL}}
	for runner, want := range map[string]error{"": nil, "universal": fs.ErrNotExist} {
		if err := flag.Set("runner", runner); err != nil {
			t.Fatal(err)
		}
		if _, err := p.collect(t.Context()); !errors.Is(err, want) {
			t.Errorf("%q: %v", runner, err)
		}
	}
}
