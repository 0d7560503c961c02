package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
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

// writeTable prints the table of detections.
func writeTable(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "FILE\tOBJECT\tSCORE\t%6s %6s %6s %6s\t%7s\n", "X1", "Y1", "X2", "Y2", "PIXELS")
	for _, r := range rows {
		if !r.found {
			fmt.Fprintf(t, "%s\tnothing\n", printable(r.file))
			continue
		}
		area := "-"
		if r.area >= 0 {
			area = strconv.Itoa(r.area)
		}
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%6.1f %6.1f %6.1f %6.1f\t%7s\n", printable(r.file), printable(r.name), r.score,
			r.box[0], r.box[1], r.box[2], r.box[3], area)
	}
	return t.Flush()
}

// printable returns a name from outside unless it holds characters that could play tricks with a terminal or the table:
// then it returns it quoted.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
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
