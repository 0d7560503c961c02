package main

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"
)

// A flame is a part of a network and those it consists of: "backbone", "body", "layer1", …. Its time is that of the
// parts and of the layers that are it.
type flame struct {
	name  string
	path  string
	op    string // of a part without parts
	ms    float64
	gflop float64
	parts []*flame // in the order of the network

	report *benchReport // of the whole, nil for the others
}

// flame returns the layers as a tree by their paths.
func (r *benchReport) flame() *flame {
	root := &flame{name: r.Architecture, path: r.Architecture, report: r}
	for _, l := range r.Layers {
		at := root
		at.add(l)
		if l.Path != "" {
			for name := range strings.SplitSeq(l.Path, ".") {
				at = at.part(name)
				at.add(l)
			}
		}
		leaf := at.part(" " + l.Op) // no part of a path begins with a space
		leaf.op = l.Op
		leaf.path = l.Path
		leaf.add(l)
	}
	if r.OutsideMS > 0 {
		root.parts = append(root.parts, &flame{name: "(no layer)", path: "(no layer)", op: "none", ms: r.OutsideMS})
		root.ms += r.OutsideMS
	}
	root.settle()
	return root
}

func (f *flame) add(l benchLayer) {
	f.ms += l.MedianMS
	f.gflop += l.GFLOP
}

// part returns the part of that name, which is made if need be.
func (f *flame) part(name string) *flame {
	for _, p := range f.parts {
		if p.name == name {
			return p
		}
	}
	p := &flame{name: name, path: strings.TrimPrefix(f.path+"."+name, ".")}
	if f.report != nil {
		p.path = name
	}
	f.parts = append(f.parts, p)
	return p
}

// settle joins parts with the only operator that they consist of, and gives operators their names.
func (f *flame) settle() {
	if len(f.parts) == 1 && f.parts[0].op != "" && f.report == nil {
		f.op, f.parts = f.parts[0].op, nil
	}
	f.name = strings.TrimSpace(f.name)
	for _, p := range f.parts {
		p.settle()
	}
}

// depth returns how many rows the tree takes.
func (f *flame) depth() int {
	d := 0
	for _, p := range f.parts {
		d = max(d, p.depth())
	}
	return 1 + d
}

// The drawing's sizes, in pixels.
const (
	flameWidth  = 1400
	flameRow    = 22
	flameTop    = 62
	flameMargin = 10
	flameLetter = 6.7 // the width of a letter
)

// flameColors are by operator; parts are grey.
var flameColors = map[string]string{
	"": "#d9dde3", "none": "#b9bec7", "conv2d": "#f0a35e", "conv_transpose2d": "#e8c15a", "linear": "#e57f84",
	"roi_align": "#8fbf7f", "max_pool2d": "#7fb8c9", "proposals": "#9d9bd9", "detections": "#c495cf",
	"input": "#a8cfa0", "output": "#a8cfa0",
}

// write draws the tree as SVG, the whole at the top.
func (f *flame) write(w io.Writer) error {
	r := f.report
	height := flameTop + f.depth()*flameRow + 34
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" `+
		`font-family="Menlo,DejaVu Sans Mono,monospace" font-size="11">`+"\n", flameWidth, height)
	fmt.Fprintf(w, `<rect width="%d" height="%d" fill="white"/>`+"\n", flameWidth, height)
	text := func(y int, size int, s string) {
		fmt.Fprintf(w, `<text x="%d" y="%d" font-size="%d">%s</text>`+"\n", flameMargin, y, size, html.EscapeString(s))
	}
	text(22, 15, r.Architecture+", "+r.Input)
	line := fmt.Sprintf("%s, %s: median %.2f ms of %s; %.1f GFLOP/s", r.Backend, count(r.Threads, "thread"),
		r.MedianMS, count(r.Runs, "run"), r.GFLOPS)
	if r.PeakGFLOPS > 0 {
		line += fmt.Sprintf(", %.1f %% of the peak of %.1f per thread", r.PercentOfPeak, r.PeakGFLOPS)
	}
	text(42, 12, line)
	f.draw(w, r, flameMargin, flameTop, (flameWidth-2*flameMargin)/max(f.ms, 1e-9))
	x := flameMargin
	for _, op := range []string{"conv2d", "conv_transpose2d", "linear", "roi_align", "max_pool2d", "proposals",
		"detections", "input", "none"} {
		name := map[string]string{"input": "input, output", "none": "no layer"}[op]
		name = cmp.Or(name, op)
		fmt.Fprintf(w, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n",
			x, height-22, flameColors[op], x+16, height-12, name)
		x += 40 + int(flameLetter*float64(len(name)))
	}
	_, err := fmt.Fprintln(w, "</svg>")
	return err
}

// draw draws a part and, below it, its parts from left to right.
func (f *flame) draw(w io.Writer, r *benchReport, x, y, scale float64) {
	width := f.ms * scale
	if width < 0.3 {
		return
	}
	gflops, percent := r.rate(f.gflop, f.ms)
	tip := fmt.Sprintf("%s %s: %.3f ms, %.1f %%", f.path, f.op, f.ms, 100*f.ms/max(r.MedianMS, 1e-9))
	if f.gflop > 0 {
		tip += fmt.Sprintf(", %.1f GFLOP/s", gflops)
	}
	if f.gflop > 0 && percent > 0 {
		tip += fmt.Sprintf(", %.1f %% of the peak", percent)
	}
	color := cmp.Or(flameColors[f.op], "#c9c2b5")
	fmt.Fprintf(w, `<g><title>%s</title><rect x="%.2f" y="%.0f" width="%.2f" height="%d" fill="%s" stroke="white" `+
		`stroke-width="0.6"/>`, html.EscapeString(tip), x, y, width, flameRow-1, color)
	if label := f.label(width); label != "" {
		fmt.Fprintf(w, `<text x="%.2f" y="%.0f">%s</text>`, x+4, y+15, html.EscapeString(label))
	}
	fmt.Fprintln(w, "</g>")
	for _, p := range f.parts {
		p.draw(w, r, x, y+flameRow, scale)
		x += p.ms * scale
	}
}

// label returns what of the name, and of the time after it, there is room for.
func (f *flame) label(width float64) string {
	room := int((width - 8) / flameLetter)
	long := fmt.Sprintf("%s %.2f ms", f.name, f.ms)
	switch {
	case utf8.RuneCountInString(long) <= room:
		return long
	case utf8.RuneCountInString(f.name) <= room:
		return f.name
	case room >= 3:
		return string([]rune(f.name)[:room-1]) + "…"
	}
	return ""
}
