package optest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/argand-go/argand/tensor"
)

// source makes the numbers of one case.
type source struct{ *rand.Rand }

// newSource returns a source that always gives the same numbers for a name.
func newSource(name string) source {
	h := fnv.New64a()
	h.Write([]byte(name))
	return source{rand.New(rand.NewPCG(h.Sum64(), 0))}
}

// normal returns a float32 tensor of numbers from N(0, 1).
func (s source) normal(shape ...int) *tensor.Tensor {
	t := empty(tensor.Float32, shape...)
	v := floats(t)
	for i := range v {
		v[i] = float32(s.NormFloat64())
	}
	return t
}

// weight returns a tensor of numbers from N(0, 1/fan), so that sums of fan
// products with normal numbers are from N(0, 1).
func (s source) weight(d tensor.DType, fan int, shape ...int) *tensor.Tensor {
	t := s.normal(shape...)
	v := floats(t)
	for i := range v {
		v[i] /= float32(math.Sqrt(float64(fan)))
	}
	return as(d, t)
}

// vector returns n numbers from N(mean, 0.25).
func (s source) vector(n int, mean float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = mean + 0.5*s.NormFloat64()
	}
	return v
}

// as returns a float32 tensor rounded to another floating point type.
func as(d tensor.DType, t *tensor.Tensor) *tensor.Tensor {
	v := floats(t)
	switch d {
	case tensor.Float16:
		return converted(v, t.Shape(), tensor.HalfOf)
	case tensor.BFloat16:
		return converted(v, t.Shape(), tensor.BHalfOf)
	case tensor.Float64:
		return converted(v, t.Shape(), func(f float32) float64 { return float64(f) })
	}
	return t
}

// misaligned returns a copy of t at an odd address, as a file may have it.
func misaligned(t *tensor.Tensor) *tensor.Tensor {
	memory := tensor.AlignedBytes(len(t.Bytes()) + 1)
	copy(memory[1:], t.Bytes())
	return must(tensor.FromBytes(t.DType(), t.Shape(), memory[1:], nil))
}

func converted[T tensor.Element](v []float32, shape tensor.Shape, round func(float32) T) *tensor.Tensor {
	out := make([]T, len(v))
	for i, f := range v {
		out[i] = round(f)
	}
	return of(out, shape...)
}

// The functions below are for shapes and types that are right by
// construction: a mistake is a bug of this package and panics, in a test.

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func empty(d tensor.DType, shape ...int) *tensor.Tensor { return must(tensor.New(d, shape...)) }

func of[T tensor.Element](data []T, shape ...int) *tensor.Tensor {
	return must(tensor.Of(data, shape...))
}

func data[T tensor.Element](t *tensor.Tensor) []T { return must(tensor.Data[T](t)) }

// floats returns the elements of a float32 tensor.
func floats(t *tensor.Tensor) []float32 { return data[float32](t) }

// numbers returns the elements of a weight of any float type.
func numbers(t *tensor.Tensor) []float32 { return must(t.Float32s()) }
