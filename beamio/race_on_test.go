//go:build race

package beamio

// raceDetector says that the race detector is on, which makes the network some
// twenty times slower: tests then run fewer pictures, and say so.
const raceDetector = true
