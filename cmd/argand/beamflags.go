package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// workerFlags are Beam's flags that only runners give, to workers.
var workerFlags = []string{"worker", "id", "logging_endpoint", "control_endpoint", "semi_persist_dir", "options"}

// addBeamFlags lets a command accept every flag of Beam's Go SDK except the workers'. Beam registers them with Go's
// flag package, as go test does its own, which are left out. A flag that the command has too is not added: for
// --labels see labelsFlag.
func addBeamFlags(to *pflag.FlagSet) {
	ours := to.Lookup("labels")
	ours.Value = labelsFlag{ours.Value}
	flag.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") || slices.Contains(workerFlags, f.Name) || to.Lookup(f.Name) != nil {
			return
		}
		p := to.VarPF(beamFlag{f}, f.Name, "", f.Usage)
		p.Hidden = true
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			p.NoOptDefVal = "true"
		}
	})
}

// beamFlag hands a value to Go's flag package. It goes through flag.Set, and not through the flag's own Value as
// pflag's adapter does, because Beam passes on to workers only those flags that the package knows to be set.
type beamFlag struct{ f *flag.Flag }

func (b beamFlag) String() string     { return b.f.Value.String() }
func (b beamFlag) Set(s string) error { return flag.Set(b.f.Name, s) }
func (b beamFlag) Type() string       { return "value" }

// A labelsFlag is --labels, which both we and Dataflow have: a value in braces is Dataflow's job labels, any other is
// the file with the names of the classes. The flag may be given once for each.
type labelsFlag struct{ pflag.Value }

// Set takes one value.
func (l labelsFlag) Set(s string) error {
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		return flag.Set("labels", s)
	}
	return l.Value.Set(s)
}

// writeBeamFlags lists Beam's flags.
func writeBeamFlags(w io.Writer) error {
	var err error
	flag.VisitAll(func(f *flag.Flag) {
		if err != nil || strings.HasPrefix(f.Name, "test.") || slices.Contains(workerFlags, f.Name) {
			return
		}
		usage := strings.ReplaceAll(f.Usage, "\n", "\n      ")
		_, err = fmt.Fprintf(w, "  --%s\n      %s\n", f.Name, usage)
	})
	return err
}
