package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadList reads lists that can be read once, and those that can be read again.
func TestReadList(t *testing.T) {
	const text = "\ufeffa.png\r\n\nb.png\nno newline"
	path := writeTemp(t, t.TempDir(), "list.txt", []byte(text))
	j := &job{names: path}
	if err := j.readList(t.TempDir()); err != nil || j.names != path || j.total != 3 {
		t.Errorf("%v, %d names in %s", err, j.total, j.names)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = stdin }()
	go func() {
		_, _ = w.WriteString(text)
		_ = w.Close()
	}()
	j = &job{names: "-"}
	if err := j.readList(t.TempDir()); err != nil || j.total != 3 {
		t.Errorf("%v, %d names", err, j.total)
	}
	if data, err := os.ReadFile(j.names); err != nil || string(data) != text {
		t.Errorf("copied %q, %v", data, err)
	}
	for text, want := range map[string]string{
		"":                                    "no names in it",
		"a\n\xff":                             "line 2 is not UTF-8",
		"a\n" + strings.Repeat("b", 64<<10+1): "line 2: ",
	} {
		if n, err := countNames(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.10q: %d, %v", text, n, err)
		}
	}
}
