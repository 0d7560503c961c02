package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// maskSelect computes y[n,d,i,j] = sigmoid(x[row(n,d), labels[n,d], i, j]) with
// packed rows: logits (N·D, K, S, S), labels (N, D), count (N) → (N, D, S, S).
func maskSelect(y, x, labels, count *tensor.Tensor) {
	capacity, classes := labels.Shape()[1], x.Shape()[1]
	row := 0
	for n, used := range rows(count, capacity) {
		for d := range used {
			label := data[int64](labels)[n*capacity+d]
			if label < 0 || label >= int64(classes) {
				label = 0
			}
			out := plane(y, n, d)
			for i, v := range plane(x, row, int(label)) {
				out[i] = float32(act(op.Sigmoid, float64(v)))
			}
			row++
		}
	}
}

func maskSelectCases() (cases []testCase) {
	for _, m := range []struct {
		counts     []int
		d, k, h, w int
		outside    bool // labels, sometimes
	}{
		{[]int{1}, 1, 1, 1, 1, false},
		{[]int{5}, 5, 7, 28, 28, false},
		{[]int{2, 0, 4}, 5, 91, 5, 3, false},
		{[]int{0, 0}, 5, 3, 4, 4, false},
		{[]int{4}, 9, 5, 6, 7, true},
		{nil, 9, 5, 6, 7, false},
		{[]int{0}, 0, 5, 6, 7, false},
	} {
		name := fmt.Sprintf("mask_select/%v of %d from %d of %dx%d", m.counts, m.d, m.k, m.h, m.w)
		cases = append(cases, against(name, tolerance{arithmetic.rms, arithmetic.max, true}, func(s source) sample {
			n := len(m.counts)
			labels, counts := empty(tensor.Int64, n, m.d), empty(tensor.Int32, n)
			for i := range data[int64](labels) {
				data[int64](labels)[i] = int64(s.IntN(m.k))
				if m.outside {
					data[int64](labels)[i] += []int64{0, -1 << 40, 1 << 40, -6, 5}[s.IntN(5)]
				}
			}
			for i, c := range m.counts {
				data[int32](counts)[i] = int32(c)
			}
			return one(&op.MaskSelect{}, s.normal(n*m.d, m.k, m.h, m.w), labels, counts)
		}))
	}
	return cases
}
