//go:build !race

package beamio

const raceDetector = false
