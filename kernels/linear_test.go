package kernels

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestLinearRowsDoNotDependOnTheOthers: a row alone has the bits that it has
// among 64, for sums of one block and of several, on 1, 2, 3 and 7 threads.
func TestLinearRowsDoNotDependOnTheOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(7)) // or fewer would do for more threads
	r := rand.New(rand.NewPCG(61, 62))
	for _, size := range [][2]int{{512, 1000}, {2048, 10}, {3331, 77}} {
		var b builder
		x := b.input(tensor.Float32)
		b.Outputs = []op.Value{b.add("fc", &op.Linear{Weight: normal(r, size[1], size[0])}, x)}
		in := normal(r, 64, size[0])
		for _, be := range backends(t) {
			var want *tensor.Tensor
			for _, threads := range []int{1, 2, 3, 7} {
				m := must(be.Load(t.Context(), &b.Graph, op.Options{Threads: threads}))
				for _, rows := range []int{64, 1, 13} {
					for _, first := range []int{0, 17, 64 - rows} {
						if first+rows > 64 {
							continue
						}
						got := runOn(t, m, must(in.Slice(first, first+rows)))[0]
						if want == nil {
							want = got
						}
						what := fmt.Sprintf("%s, %v, %d threads, %d rows from %d", be.Name(), size, threads, rows, first)
						sameBits(t, what, got, must(want.Slice(first, first+rows)))
					}
				}
			}
		}
	}
}
