package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchWorkers has jobs end in every way, with a worker's process and without.
func TestWatchWorkers(t *testing.T) {
	was := slog.Default()
	t.Cleanup(func() { slog.SetDefault(was) })
	panicked := errors.New("job x failed:\npanic in stage.Execute bundle processing goroutine: " +
		"send on closed channel, stage: &{ID:stage-005}, stackTrace:\nmain()")
	own := errors.New("DoFn[x] failed:\nno")
	const ended = "a worker's process ended: "
	for name, c := range map[string]struct {
		lost, waits bool // prism logs that the process is gone, and waits for ever
		err         error
		want        string
	}{
		"well":                       {err: nil, want: ""},
		"well, as always":            {lost: true, err: nil, want: ""},
		"by itself":                  {err: own, want: own.Error()},
		"by itself, as always":       {lost: true, err: own, want: own.Error()},
		"never":                      {lost: true, waits: true, want: ended + "exit status 7"},
		"in a panic of prism's":      {lost: true, err: panicked, want: ended + "exit status 7"},
		"in a panic, before the log": {err: panicked, want: ended + "its connection to the runner was cut"},
		"cut from Flink":             {err: errors.New("1: CANCELLED: client cancelled\n"), want: ended + "its connection"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
				start := time.Now()
				ctx, end := watchWorkers(t.Context(), workerGrace)
				if c.lost {
					slog.With("job", "x").Error("process failed while running", "error", errors.New("exit status 7"))
					slog.Error("process failed to start", "error", "another")
				}
				err := c.err
				if c.waits {
					<-ctx.Done()
					err = ctx.Err()
				}
				err = end(err)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				if errors.Is(err, context.Canceled) {
					t.Error("it looks interrupted")
				}
				if c.waits != (time.Since(start) == workerGrace) {
					t.Errorf("took %v", time.Since(start))
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
