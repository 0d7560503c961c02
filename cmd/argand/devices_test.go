package main

import (
	"strings"
	"testing"
)

func TestDevices(t *testing.T) {
	status, stdout, stderr := command(t, "devices", "--driver", "/nowhere/libcuda.so.1")
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "cpu/") || !strings.Contains(stdout, "no GPU: ") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if status, _, stderr := command(t, "devices", "all"); status != 2 || !strings.Contains(stderr, "argand: devices") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
