//go:build race

package main

// raceDetector says that the race detector is on, which makes the network some
// twenty times slower.
const raceDetector = true
