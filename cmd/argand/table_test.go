package main

import (
	"strings"
	"testing"
)

func TestWriteTable(t *testing.T) {
	rows := []row{
		{file: "a.png", found: true, name: "circle", score: 0.99996, box: [4]float64{0, 1.25, 1234.56, 2}, area: 29107},
		{file: "a.png", found: true, name: "square", score: 0.5, box: [4]float64{-0.4, 10, 20, 30}, area: -1},
		{file: "evil\x1b[2J\n.png"},
		{file: "a\xff.png"}, // with tabwriter's escape
	}
	var b strings.Builder
	if err := writeTable(&b, rows); err != nil {
		t.Fatal(err)
	}
	want := `FILE                  OBJECT   SCORE       X1     Y1     X2     Y2    PIXELS
a.png                 circle   1.000      0.0    1.2 1234.6    2.0     29107
a.png                 square   0.500     -0.4   10.0   20.0   30.0         -
"evil\x1b[2J\n.png"   nothing
"a\xff.png"           nothing
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("one\n\ttwo\r\nthree\n"); got != "one; two; three" {
		t.Errorf("got %q", got)
	}
}
