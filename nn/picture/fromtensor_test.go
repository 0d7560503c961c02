package picture

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/argand-go/argand/tensor"
)

func tensorOf[T tensor.Element](t *testing.T, data []T, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.Of(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestFromTensor takes a picture apart in every way and puts it together again.
func TestFromTensor(t *testing.T) {
	const w, h = 32, 24 // 768 pixels: every byte three times in each channel
	p := NewRGB(w, h)
	for i := range p.Pix {
		p.Pix[i] = uint8(i/3 + 85*(i%3))
	}
	for _, channels := range []int{1, 3, 4} {
		want := NewRGB(w, h)
		bytes := map[Layout][]uint8{CHW: make([]uint8, channels*w*h), HWC: make([]uint8, channels*w*h)}
		for i := range w * h {
			for c := range channels {
				v := uint8(77) // alpha, which nobody sees
				if c < 3 {
					v = p.Pix[3*i+c]
				}
				bytes[CHW][c*w*h+i], bytes[HWC][i*channels+c] = v, v
			}
			for c := range 3 {
				want.Pix[3*i+c] = p.Pix[3*i+min(c, channels-1)]
			}
		}
		for layout, shape := range map[Layout][]int{CHW: {channels, h, w}, HWC: {h, w, channels}} {
			values := make([]float32, len(bytes[layout]))
			for i, v := range bytes[layout] {
				values[i] = float32(v) / 255 // as ToTensor does
			}
			for _, x := range []*tensor.Tensor{
				tensorOf(t, bytes[layout], shape...), tensorOf(t, values, shape...),
			} {
				got, err := FromTensor(x, layout)
				if err != nil || got.W != w || got.H != h || !slices.Equal(got.Pix, want.Pix) {
					t.Errorf("%v, %v: differs, %v", x, layout, err)
				}
			}
		}
	}
}

func TestFromTensorErrors(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		x *tensor.Tensor
		l Layout
	}{
		"nil":            {nil, CHW},
		"two axes":       {tensorOf(t, make([]uint8, 6), 2, 3), CHW},
		"two channels":   {tensorOf(t, make([]uint8, 24), 2, 3, 4), CHW},
		"other layout":   {tensorOf(t, make([]uint8, 60), 3, 4, 5), HWC},
		"no such layout": {tensorOf(t, make([]uint8, 60), 3, 4, 5), HWC + 1},
		"int64":          {tensorOf(t, make([]int64, 60), 3, 4, 5), CHW},
		"bytes as float": {tensorOf(t, []float32{0, 128, 255}, 3, 1, 1), CHW},
		"negative":       {tensorOf(t, []float32{0, -0.1, 0}, 3, 1, 1), CHW},
		"not a number":   {tensorOf(t, []float32{0, nan, 0}, 3, 1, 1), CHW},
	} {
		_, err := FromTensor(c.x, c.l)
		var e *TensorError
		if !errors.As(err, &e) || e.Got == "" || e.Want == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := FromTensor(tensorOf(t, []float32{}, 3, 0, 5), CHW); err != nil || len(p.Pix) != 0 {
		t.Errorf("a tensor without pixels: %v", err)
	}
}
