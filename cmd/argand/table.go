package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// A row is one line of the table of detections.
type row struct {
	file  string
	found bool // whether the row is an object; if not, nothing was found in file
	name  string
	score float64
	box   [4]float64 // x1, y1, x2, y2
	area  int        // pixels of the mask, -1 without one
}

// objectsHeader has the names of the columns of the table of objects behind that of the file.
var objectsHeader = fmt.Sprintf("OBJECT\tSCORE\t%6s %6s %6s %6s\t%7s", "X1", "Y1", "X2", "Y2", "PIXELS")

// writeTable prints the table of detections.
func writeTable(w io.Writer, rows []row) error {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = printable(r.file) + "\t" + r.line()
	}
	return writeLines(w, objectsHeader, lines)
}

// line returns the columns behind the file.
func (r *row) line() string {
	if !r.found {
		return "nothing"
	}
	area := "-"
	if r.area >= 0 {
		area = strconv.Itoa(r.area)
	}
	return fmt.Sprintf("%s\t%.3f\t%6.1f %6.1f %6.1f %6.1f\t%7s", printable(r.name), r.score,
		r.box[0], r.box[1], r.box[2], r.box[3], area)
}

// writeLines prints a table of lines whose columns are separated by tabs, the first of which is a file's name.
func writeLines(w io.Writer, header string, lines []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "FILE\t%s\n", header)
	for _, line := range lines {
		fmt.Fprintln(t, line)
	}
	return t.Flush()
}

// printable returns a name from outside unless it holds characters that could play tricks with a terminal or the table:
// then it returns it quoted.
func printable(s string) string {
	unprintable := func(r rune) bool { return !strconv.IsPrint(r) }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return strconv.Quote(s)
	}
	return s
}

// printables does that to several names.
func printables(names []string) []string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = printable(name)
	}
	return shown
}

// first joins the first n of names, and tells how many more there are.
func first(n int, names []string) string {
	text := strings.Join(names[:min(len(names), n)], ", ")
	if more := len(names) - n; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
