//go:build !purego

package pause

// Times waits n times as long as the machine takes for its PAUSE instruction:
// some 10 to 50 ns, by the make of the core. It is
//
//	for range n {
//	}
//
//go:noescape
func Times(n int)
