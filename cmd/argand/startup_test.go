//go:build unix

package main

import (
	"testing"
	"time"
)

// TestStartUp wants a job of one small picture, from the start of the process to its end, in 1.5 s. On a busy machine
// the CPU time of all threads stands for what a quiet one would take.
func TestStartUp(t *testing.T) {
	const limit = 1500 * time.Millisecond
	picture := pictures(t, "s256.png")[0]
	best := time.Hour
	for range 3 {
		cmd, stdout, stderr := program(t, "pipeline", "--input", picture)
		start := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\nstdout: %s\nstderr: %s", err, stdout, stderr)
		}
		wall, cpu := time.Since(start), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
		t.Logf("%v, %v of CPU time", wall, cpu)
		if best = min(best, wall, cpu); best <= limit {
			return
		}
	}
	t.Errorf("took %v at best, want %v", best, limit)
}
