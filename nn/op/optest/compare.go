package optest

import (
	"bytes"
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// tolerance says how far a result may be from the reference. The zero
// tolerance asks for equal numbers.
type tolerance struct {
	// rms bounds the normalised error √(Σ(a−b)²/Σb²) of every channel of every
	// picture, so that a channel forgotten among 512 is found. Where Σb² is
	// below the tensor's average, the average takes its place: a channel that
	// is almost zero has errors of the size of what cancelled in it.
	rms float64

	// max bounds |a−b| / max|b| over the whole tensor.
	max float64

	// zeros says that where b is 0, a has to be.
	zeros bool
}

// The tolerances. A float32 Winograd convolution has an error of 3e-6; an
// arithmetic of 11 bits (TF32, half precision) one of 2e-4, and a single
// product left out of a sum of 4,608 makes 1e-2.
var (
	arithmetic = tolerance{rms: 2e-5, max: 5e-5}
	selection  = tolerance{rms: 2e-5, max: 1e-5, zeros: true}
)

// compare returns an error that says where got is not want.
func (t tolerance) compare(got, want *tensor.Tensor) error {
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if want.DType() != tensor.Float32 {
		return equal(got, want)
	}
	a, b := floats(got), floats(want)
	if t == (tolerance{}) {
		for i := range b {
			if a[i] != b[i] && !(isNaN(a[i]) && isNaN(b[i])) {
				return fmt.Errorf("%s: got %v, want %v", place(want.Shape(), i), a[i], b[i])
			}
		}
		return nil
	}
	var square, greatest float64
	for i, v := range b {
		if isNaN(a[i]) != isNaN(v) || t.zeros && v == 0 && a[i] != 0 {
			return fmt.Errorf("%s: got %v, want %v", place(want.Shape(), i), a[i], v)
		}
		square += float64(v) * float64(v)
		greatest = max(greatest, math.Abs(float64(v)))
	}
	mean := square / float64(max(len(b), 1))
	size := 1 // of a channel
	if s := want.Shape(); len(s) > 2 {
		size = max(s[2:].Len(), 1)
	}
	for from := 0; from < len(b); from += size {
		var difference, norm float64
		for i := from; i < from+size; i++ {
			d := math.Abs(float64(a[i]) - float64(b[i]))
			if d > t.max*greatest {
				return fmt.Errorf("%s: got %v, want %v: an error of %.2g of the greatest element, more than %g",
					place(want.Shape(), i), a[i], b[i], d/greatest, t.max)
			}
			difference += d * d
			norm += float64(b[i]) * float64(b[i])
		}
		if e := math.Sqrt(difference / max(norm, mean*float64(size))); e > t.rms { // NaN for 0/0 is not
			return fmt.Errorf("%s and the rest of its channel: a normalised error of %.2g, more than %g",
				place(want.Shape(), from), e, t.rms)
		}
	}
	return nil
}

func isNaN(f float32) bool { return f != f }

// equal returns an error unless got and want are the same to the bit.
func equal(got, want *tensor.Tensor) error {
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	size := want.DType().Size()
	for i := range want.Len() {
		if a, b := got.Bytes()[i*size:(i+1)*size], want.Bytes()[i*size:(i+1)*size]; !bytes.Equal(a, b) {
			return fmt.Errorf("%s: got %s, want %s", place(want.Shape(), i), element(got, i), element(want, i))
		}
	}
	return nil
}

func element(t *tensor.Tensor, i int) string {
	switch t.DType() {
	case tensor.Float32:
		return fmt.Sprint(floats(t)[i])
	case tensor.Int64:
		return fmt.Sprint(data[int64](t)[i])
	case tensor.Int32:
		return fmt.Sprint(data[int32](t)[i])
	}
	size := t.DType().Size()
	return fmt.Sprintf("bytes %x", t.Bytes()[i*size:(i+1)*size])
}

// place returns the indices of element i, "[0 12 3 4]".
func place(shape tensor.Shape, i int) string {
	index := make([]int, len(shape))
	for a := len(shape) - 1; a >= 0; a-- {
		index[a] = i % shape[a]
		i /= shape[a]
	}
	return fmt.Sprint(index)
}
