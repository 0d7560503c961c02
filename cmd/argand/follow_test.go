package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollowWithoutTerminal wants lines, fewer and fewer, and none that says more than is known.
func TestFollowWithoutTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "progress")
		tick(path, tickFound) // there is no file, as on workers elsewhere
		if _, err := os.Stat(path); err == nil {
			t.Fatal("a tick has made the file")
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		f := follower{screen: &screen{w: &b}, total: 100}
		go func() { defer close(done); f.follow(ctx, path) }()
		time.Sleep(15*time.Second + time.Second/2)
		for i := range 100 { // every 2 s one
			tick(path, map[bool]byte{true: tickFailed, false: tickFound}[i%25 == 7])
			time.Sleep(2 * time.Second)
		}
		tick(path, tickFound) // the runner does one again
		time.Sleep(time.Hour)
		cancel()
		<-done
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		const want = `argand: running for 10s
argand: 3 of 100 pictures, 0.5 a second, 3m14s to go
argand: 8 of 100 pictures, 1 failed, 0.5 a second, 3m4s to go
argand: 13 of 100 pictures, 1 failed, 0.5 a second, 2m54s to go`
		if got := strings.Join(lines[:4], "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		last := lines[len(lines)-1]
		if !strings.HasPrefix(last, "argand: 101 pictures, 4 failed, ") || strings.Contains(last, "to go") || len(lines) > 50 {
			t.Errorf("%d lines, the last is %s", len(lines), last)
		}
	})
}

func TestFollowOnTerminal(t *testing.T) {
	now := time.Now()
	f := follower{total: 10, start: now.Add(-70 * time.Second)}
	if got := f.bar() + f.line(now); got != "running for 1m10s" {
		t.Error(got)
	}
	f.done, f.firstDone, f.first = 1, 1, now
	if got := f.bar() + f.line(now); got != " 10 % ━━──────────────────────  1 of 10 pictures" {
		t.Error(got)
	}
	f.done, f.failed, f.first = 10, 3, now.Add(-time.Millisecond)
	if got := f.bar() + f.line(now); got != "100 % ━━━━━━━━━━━━━━━━━━━━━━━━  10 of 10 pictures, 3 failed, 9000 a second" {
		t.Error(got)
	}
	f.total = 0
	if got := f.bar() + f.line(now); got != "10 pictures, 3 failed, 9000 a second" {
		t.Error(got)
	}
}

// TestScreen writes lines between those that change.
func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := &screen{w: &b}
	s.clear()
	s.show("1 of 2")
	if _, err := s.Write([]byte("a warning\n")); err != nil {
		t.Error(err)
	}
	s.show("2 of 2")
	s.clear()
	s.clear()
	if got := b.String(); got != "1 of 2\r\x1b[Ka warning\n2 of 2\r\x1b[K" {
		t.Errorf("%q", got)
	}
	if got := clipped("━━━", 2); got != "━━" {
		t.Error(got)
	}
}
