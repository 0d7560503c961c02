package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A progress is a bar on a terminal, or nothing: a nil *progress does nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress returns a bar that counts to total pictures, if w is a terminal.
func newProgress(w io.Writer, total int) *progress {
	if !isTerminal(w) {
		return nil
	}
	rate := []progressbar.Option{progressbar.OptionShowIts(), progressbar.OptionSetItsString("pictures")}
	return &progress{bar(w, int64(total), "pictures", rate...)}
}

// newByteProgress returns a bar that counts to total bytes while something is done, if w is a terminal.
func newByteProgress(w io.Writer, total int64, doing string) *progress {
	if !isTerminal(w) {
		return nil
	}
	return &progress{bar(w, total, doing, progressbar.OptionShowBytes(true))}
}

func bar(w io.Writer, total int64, description string, more ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(description),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowElapsedTimeOnFinish(),
		progressbar.OptionThrottle(50 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
	}, more...)...)
}

// set moves the bar. An error of drawing is of no interest to anybody.
func (p *progress) set(done int) {
	if p != nil {
		_ = p.bar.Set(done)
	}
}

// clear takes the bar off the screen; the next set shows it again.
func (p *progress) clear() {
	if p != nil {
		_ = p.bar.Clear()
	}
}

// isTerminal reports whether people see what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
