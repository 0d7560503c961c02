package main

import (
	"fmt"
	"runtime/debug"
)

// version returns what the Go tool recorded in the binary: the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	set := make(map[string]string)
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if commit := set["vcs.revision"]; v == "(devel)" && commit != "" {
		v += " " + commit[:min(12, len(commit))]
		if set["vcs.modified"] == "true" {
			v += " modified"
		}
	}
	return fmt.Sprintf("%s %s %s/%s", v, info.GoVersion, set["GOOS"], set["GOARCH"])
}
