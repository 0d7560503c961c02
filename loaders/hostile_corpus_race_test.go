//go:build race

package loaders_test

// slowdown is how much longer the race detector makes the reader take.
const slowdown = 15
