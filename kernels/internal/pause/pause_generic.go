//go:build !amd64 || purego

package pause

// Times waits for n turns of a loop, ten times as many as it would be of
// instructions made to wait.
func Times(n int) {
	for range 10 * n {
	}
}
