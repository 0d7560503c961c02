//go:build !race

package loaders_test

const slowdown = 1
