//go:build race

package vision

// underRace says that the race detector makes everything ten times slower.
const underRace = true
