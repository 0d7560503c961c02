package main

import "testing"

func TestLookFlag(t *testing.T) {
	for _, c := range []struct {
		args  []string
		value string
		found bool
	}{
		{[]string{"--worker=true", "--id=1"}, "true", true},
		{[]string{"-worker=false"}, "false", true},
		{[]string{"--id=1", "--worker"}, "true", true},
		{[]string{"--worker", "--id=1"}, "true", true},
		{[]string{"--worker", "true"}, "true", true},
		{[]string{"detect", "worker.png"}, "", false},
		{[]string{"--worker_binary=x"}, "", false},
		{nil, "", false},
	} {
		if value, found := lookFlag(c.args, "worker"); value != c.value || found != c.found {
			t.Errorf("lookFlag(%q) = %q, %v; want %q, %v", c.args, value, found, c.value, c.found)
		}
	}
}
