package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// workerGrace is how long a job may take to end after a worker's process has.
const workerGrace = 5 * time.Second

// watchWorkers returns a context that ends when a worker in a process of its own does: prism waits for ever for one
// that has not connected. It only logs that the process is gone, as it does at the end of every job, so the job gets a
// while to end by itself. The function that is returned too ends the watch, and makes of an error that the job ended
// with what was the reason of it: without a worker prism may also panic, and Flink says that a client has cancelled.
func watchWorkers(ctx context.Context, grace time.Duration) (context.Context, func(error) error) {
	ctx, cancel := context.WithCancelCause(ctx)
	before := slog.Default()
	var first atomic.Pointer[lostWorkerError]
	slog.SetDefault(slog.New(&workerWatch{before.Handler(), func(lost *lostWorkerError) {
		first.CompareAndSwap(nil, lost)
		time.AfterFunc(grace, func() { cancel(lost) })
	}}))
	return ctx, func(err error) error {
		slog.SetDefault(before)
		_, waited := context.Cause(ctx).(*lostWorkerError)
		cancel(nil)
		if err == nil || !waited && !isCut(err) { // workers of jobs that fail by themselves are killed
			return err
		}
		if lost := first.Load(); lost != nil {
			return lost
		}
		return &lostWorkerError{"its connection to the runner was cut"}
	}
}

// isCut reports whether an error is what a runner says when it has lost a worker and does not know it.
func isCut(err error) bool {
	text := strings.TrimSpace(err.Error())
	return strings.HasSuffix(text, "CANCELLED: client cancelled") || // Flink
		strings.Contains(text, "panic in stage.Execute bundle processing goroutine: send on closed channel") // prism
}

// A lostWorkerError is the end of a worker's process.
type lostWorkerError struct{ how string }

func (e *lostWorkerError) Error() string { return "a worker's process ended: " + e.how }

// workerWatch is a slog.Handler that reads what prism says of processes.
type workerWatch struct {
	slog.Handler
	lost func(*lostWorkerError)
}

// Enabled lets errors through to Handle.
func (h *workerWatch) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || h.Handler.Enabled(ctx, level)
}

func (h *workerWatch) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "process failed to start" || r.Message == "process failed while running" {
		how := r.Message
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "error" {
				how = fmt.Sprint(a.Value.Any())
			}
			return true
		})
		h.lost(&lostWorkerError{how})
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h *workerWatch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &workerWatch{h.Handler.WithAttrs(attrs), h.lost}
}

func (h *workerWatch) WithGroup(name string) slog.Handler {
	return &workerWatch{h.Handler.WithGroup(name), h.lost}
}
