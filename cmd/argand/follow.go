package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/beamio"
	"golang.org/x/term"
)

func init() {
	beam.RegisterDoFn(&foundFn{})
	beam.RegisterDoFn(&failedFn{})
}

// Workers on the submitting process's machine tell it of every picture by a byte that they append to a file: these.
// Workers elsewhere have no such file, and nothing to tell.
const (
	tickFound  = '.'
	tickFailed = 'x'
)

// foundFn tells of pictures with results, and counts objects.
type foundFn struct{ Progress string }

// ProcessElement tells of one picture.
func (f *foundFn) ProcessElement(ctx context.Context, r beamio.PredictionResult[beamio.Picture, beamio.Detections]) {
	beam.NewCounter(metricsNamespace, objectsCounter).Inc(ctx, int64(r.Inference.Len()))
	tick(f.Progress, tickFound)
}

// failedFn tells of pictures that failed.
type failedFn struct{ Progress string }

// ProcessElement tells of one picture.
func (f *failedFn) ProcessElement(beamio.Failure[beamio.Picture]) { tick(f.Progress, tickFailed) }

// tick appends a byte to a file that is there.
func tick(path string, b byte) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = f.Write([]byte{b})
	_ = f.Close()
}

// A follower shows how far a job is: on a terminal in a line that changes, elsewhere in lines, more and more rarely.
type follower struct {
	screen     *screen
	isTerminal bool
	total      int // pictures, 0 if unknown
	start      time.Time

	offset       int64 // of the file of ticks
	done, failed int   // the first with the second
	first        time.Time
	firstDone    int // what was done at first
}

// follow shows how far the job is until ctx ends, from the file of ticks.
func (f *follower) follow(ctx context.Context, path string) {
	f.start = time.Now()
	poll := 100 * time.Millisecond
	if !f.isTerminal {
		poll = time.Second
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	next := lineEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.read(path)
			elapsed := time.Since(f.start)
			switch {
			case f.isTerminal:
				f.screen.show(f.bar() + f.line(time.Now()))
			case elapsed >= next:
				fmt.Fprintln(f.screen, "argand: "+f.line(time.Now()))
				next = elapsed + min(max(elapsed/10, lineEvery), maxLineEvery)
			}
		}
	}
}

// The time between lines where there is no terminal: at first, and at most.
const (
	lineEvery    = 10 * time.Second
	maxLineEvery = 5 * time.Minute
)

// read counts the ticks that are new.
func (f *follower) read(path string) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	ticks, err := io.ReadAll(io.NewSectionReader(file, f.offset, 1<<62))
	if err != nil || len(ticks) == 0 {
		return
	}
	f.offset += int64(len(ticks))
	f.done += len(ticks)
	f.failed += bytes.Count(ticks, []byte{tickFailed})
	if f.first.IsZero() {
		f.first, f.firstDone = time.Now(), f.done
	}
}

// line tells in words how far the job is. Until a picture is done, which it always is if workers are elsewhere, that is
// how long it has been running.
func (f *follower) line(now time.Time) string {
	if f.done == 0 {
		return "running for " + rounded(now.Sub(f.start))
	}
	text := count(f.done, "picture")
	if f.done <= f.total { // a runner may do pictures again
		text = fmt.Sprintf("%d of %s", f.done, count(f.total, "picture"))
	}
	if f.failed > 0 {
		text += fmt.Sprintf(", %d failed", f.failed)
	}
	if took := now.Sub(f.first); f.done > f.firstDone && took > 0 { // without the time until the network was loaded
		rate := float64(f.done-f.firstDone) / took.Seconds()
		text += ", " + perSecond(rate) + " a second"
		if left := f.total - f.done; left > 0 {
			text += fmt.Sprintf(", %s to go", rounded(time.Duration(float64(left)/rate*float64(time.Second))))
		}
	}
	return text
}

// bar returns a bar of the part that is done, or "" if that is not known.
func (f *follower) bar() string {
	const cells = 24
	if f.done == 0 || f.done > f.total {
		return ""
	}
	full := cells * f.done / f.total
	return fmt.Sprintf("%3d %% %s%s  ", 100*f.done/f.total, strings.Repeat("━", full), strings.Repeat("─", cells-full))
}

// perSecond returns a rate with about three digits.
func perSecond(rate float64) string {
	if rate >= 100 {
		return fmt.Sprintf("%.0f", rate)
	}
	return fmt.Sprintf("%.3g", rate)
}

// rounded returns a time in whole seconds: "1m10s".
func rounded(d time.Duration) string { return d.Round(time.Second).String() }

// A screen is where a command writes lines, and on a terminal one below them that changes.
type screen struct {
	w     io.Writer
	mu    sync.Mutex
	shown bool // the line that changes
}

// Write writes lines in the place of the one that changes.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	return s.w.Write(p)
}

// show changes the line.
func (s *screen) show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			line = clipped(line, width-1)
		}
	}
	s.erase()
	_, _ = io.WriteString(s.w, line) // nobody can be told of an error
	s.shown = true
}

// clear takes the line off.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
}

func (s *screen) erase() {
	if s.shown {
		_, _ = io.WriteString(s.w, "\r\x1b[K")
		s.shown = false
	}
}

// clipped returns as many runes of a text as fit.
func clipped(text string, width int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), width)])
}
