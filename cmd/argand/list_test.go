package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
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
		"a\n" + strings.Repeat("b", 64<<10+1): "line 2 is longer than 65536 bytes",
	} {
		if n, err := countNames(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.10q: %d, %v", text, n, err)
		}
	}
}

// FuzzCountNames: what is counted is what beamio.ListImages would emit, a name for each line that holds anything.
func FuzzCountNames(f *testing.F) {
	for _, seed := range []string{"a.png\nb.png", "\ufeffa\r\n\r\n", "\ufeff", "a\n\xff", "\n", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := countNames(strings.NewReader(text))
		want := 0
		for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
			if strings.TrimSuffix(line, "\r") != "" {
				want++
			}
		}
		if (err == nil) != (n > 0) || err == nil && n != want || n > 0 && !utf8.ValidString(text) {
			t.Errorf("%q: %d names, %v", text, n, err)
		}
	})
}

// FuzzBatchSize: what is read is what was written.
func FuzzBatchSize(f *testing.F) {
	for _, seed := range []string{"1", "4-16", "16-4", "-1", "4-", "0", "1-2-3", "+3", "9999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		low, high, err := parseBatchSize(text)
		if err != nil {
			return
		}
		again := fmt.Sprint(low)
		if strings.Contains(text, "-") {
			again = fmt.Sprint(low, "-", high)
		}
		l, h, err := parseBatchSize(again)
		if low < 1 || high < low || l != low || h != high || err != nil {
			t.Errorf("%q: %d to %d, again %d to %d, %v", text, low, high, l, h, err)
		}
	})
}
