//go:build race

package optest

// raceEnabled says that the race detector watches.
const raceEnabled = true
