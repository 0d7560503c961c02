package main

import (
	"flag"
	"io"
	"strings"
	"testing"
)

// TestEveryBeamFlagIsTaken looks all of Beam's flags up and sets some in each way, which must reach Go's flag package:
// Beam passes on to workers what that knows to be set.
func TestEveryBeamFlagIsTaken(t *testing.T) {
	cmd := newPipeline(io.Discard, io.Discard)
	n := 0
	flag.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			return
		}
		n++
		if worker := strings.HasSuffix(f.Name, "_endpoint") && f.Name != "dataflow_endpoint"; worker {
			return
		}
		if cmd.Flags().Lookup(f.Name) == nil {
			switch f.Name {
			case "worker", "id", "semi_persist_dir", "options":
			default:
				t.Errorf("--%s is not taken", f.Name)
			}
		}
	})
	if n < 40 {
		t.Errorf("Beam has %d flags, want at least 40: is it linked?", n)
	}

	args := map[string]string{"job_name": "a job", "no_use_public_ips": "true", "labels": `{"team": "vision"}`, "num_workers": "3"}
	before := make(map[string]string)
	for name := range args {
		before[name] = flag.Lookup(name).Value.String()
	}
	defer func() {
		for name, value := range before {
			if err := flag.Set(name, value); err != nil {
				t.Error(err)
			}
		}
	}()
	err := cmd.ParseFlags([]string{"--job_name", "a job", "--no_use_public_ips", "--labels", args["labels"],
		"--num_workers=3", "--labels", "names.txt"})
	if err != nil {
		t.Fatal(err)
	}
	set := make(map[string]string)
	flag.Visit(func(f *flag.Flag) { set[f.Name] = f.Value.String() })
	for name, want := range args {
		if set[name] != want {
			t.Errorf("--%s is %q, want %q", name, set[name], want)
		}
	}
	if file := cmd.Flags().Lookup("labels").Value.String(); file != "names.txt" {
		t.Errorf("the file of names is %q", file)
	}
}
