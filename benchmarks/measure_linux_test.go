package benchmarks

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpuTime returns what all threads of this process have computed so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A resident is how much memory a process has in RAM, in bytes.
type resident struct {
	Peak int64 // at most, since the process began or forgetPeak
	Own  int64 // now, without files
	File int64 // now, of files that are mapped
}

// residentNow reads the kernel's account of this process.
func residentNow() (resident, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return resident{}, err
	}
	defer f.Close()
	kB := map[string]int64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if number, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB"); ok {
			if kB[name], err = strconv.ParseInt(strings.TrimSpace(number), 10, 64); err != nil {
				return resident{}, err
			}
		}
	}
	if kB["VmHWM"] == 0 {
		return resident{}, fmt.Errorf("/proc/self/status has no VmHWM: %w", lines.Err())
	}
	return resident{kB["VmHWM"] << 10, kB["RssAnon"] << 10, kB["RssFile"] << 10}, nil
}

// forgetPeak makes the present memory the peak.
func forgetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
