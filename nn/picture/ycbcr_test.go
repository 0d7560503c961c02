package picture

import (
	"testing"

	"github.com/argand-go/argand/nn/picture/internal/jpegvec"
)

// TestUpsampleH2V2 compares with the formula, for every width and for both parities.
func TestUpsampleH2V2(t *testing.T) {
	for cw := 3; cw < 80; cw++ {
		near, far := make([]uint8, cw), make([]uint8, cw)
		for i, v := range noise(2*cw, uint64(cw)) {
			if i < cw {
				near[i] = uint8(v * 256)
			} else {
				far[i-cw] = uint8(v*2) * 255 // the extremes
			}
		}
		for _, x0 := range []int{0, 1} {
			dst := make([]uint8, 2*cw-x0)
			upsampleH2V2(jpegvec.Best(), dst, near, far, 2, x0, 0)
			for i, got := range dst {
				c := (x0 + i) / 2
				other, bias := max(c-1, 0), 8
				if (x0+i)&1 == 1 {
					other, bias = min(c+1, cw-1), 7
				}
				sum := func(c int) int { return 3*int(near[c]) + int(far[c]) }
				if want := uint8((3*sum(c) + sum(other) + bias) >> 4); got != want {
					t.Fatalf("%d columns from %d: sample %d is %d, want %d", cw, x0, i, got, want)
				}
			}
		}
	}
}
