package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/argand-go/argand/tensor"
)

// digestOf returns the SHA-256 of a tensor's elements in C order, in hexadecimal. Checkpoints are opened on
// little-endian machines only, so the bytes in memory are those that every machine should hash.
func digestOf(t *tensor.Tensor) string {
	sum := sha256.Sum256(t.Bytes())
	return hex.EncodeToString(sum[:])
}

// stats is what is in a tensor. Complex numbers have no minimum, maximum and mean here, and are NaN or infinite if a
// part of them is.
type stats struct {
	NaN  int         `json:"nan"`
	Inf  int         `json:"inf"`
	Min  json.Number `json:"min,omitempty"`  // of the finite elements; absent if there are none
	Max  json.Number `json:"max,omitempty"`  // of the finite elements
	Mean json.Number `json:"mean,omitempty"` // of the finite elements
}

// warning says what is wrong with the numbers, "" if nothing is.
func (s *stats) warning() string {
	var parts []string
	if s.NaN > 0 {
		parts = append(parts, fmt.Sprintf("%d NaN", s.NaN))
	}
	if s.Inf > 0 {
		parts = append(parts, fmt.Sprintf("%d infinite", s.Inf))
	}
	return strings.Join(parts, ", ")
}

func statsOf(t *tensor.Tensor) (*stats, error) {
	switch t.DType() {
	case tensor.Float32:
		return realStats(t, 32, func(x float32) float64 { return float64(x) })
	case tensor.Float64:
		return realStats(t, 64, func(x float64) float64 { return x })
	case tensor.Float16:
		return realStats(t, 32, func(x tensor.Half) float64 { return float64(x.Float32()) })
	case tensor.BFloat16:
		return realStats(t, 32, func(x tensor.BHalf) float64 { return float64(x.Float32()) })
	case tensor.Bool:
		return realStats(t, 64, func(x bool) float64 {
			if x {
				return 1
			}
			return 0
		})
	case tensor.Int8:
		return wholeStats[int8](t)
	case tensor.Int16:
		return wholeStats[int16](t)
	case tensor.Int32:
		return wholeStats[int32](t)
	case tensor.Int64:
		return wholeStats[int64](t)
	case tensor.Uint8:
		return wholeStats[uint8](t)
	case tensor.Uint16:
		return wholeStats[uint16](t)
	case tensor.Uint32:
		return wholeStats[uint32](t)
	case tensor.Uint64:
		return wholeStats[uint64](t)
	case tensor.Complex64:
		return complexStats(t, func(x complex64) complex128 { return complex128(x) })
	case tensor.Complex128:
		return complexStats(t, func(x complex128) complex128 { return x })
	}
	return nil, &tensor.DTypeError{DType: t.DType(), Want: "a type with an order"}
}

// realStats does real numbers whose shortest decimal form is that of floats of some bits.
func realStats[T tensor.Element](t *tensor.Tensor, bits int, value func(T) float64) (*stats, error) {
	data, err := tensor.Data[T](t)
	if err != nil {
		return nil, err
	}
	s := &stats{}
	low, high, sum := math.Inf(1), math.Inf(-1), 0.0
	for _, e := range data {
		x := value(e)
		switch {
		case x != x:
			s.NaN++
		case math.IsInf(x, 0):
			s.Inf++
		default:
			low, high, sum = min(low, x), max(high, x), sum+x
		}
	}
	n := float64(len(data) - s.NaN - s.Inf)
	if n == 0 {
		return s, nil
	}
	mean := sum / n
	if math.IsInf(sum, 0) || math.IsNaN(sum) { // of float64 near its greatest
		mean = 0
		for _, e := range data {
			if x := value(e); !math.IsNaN(x) && !math.IsInf(x, 0) {
				mean += x / n
			}
		}
	}
	s.Min, s.Max, s.Mean = number(low, bits), number(high, bits), number(mean, 64)
	return s, nil
}

// wholeStats does whole numbers, exactly but for their mean.
func wholeStats[T interface {
	tensor.Element
	cmp.Ordered
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}](t *tensor.Tensor) (*stats, error) {
	data, err := tensor.Data[T](t)
	if err != nil || len(data) == 0 {
		return &stats{}, err
	}
	sum := 0.0
	for _, x := range data {
		sum += float64(x)
	}
	return &stats{Min: json.Number(fmt.Sprint(slices.Min(data))), Max: json.Number(fmt.Sprint(slices.Max(data))),
		Mean: number(sum/float64(len(data)), 64)}, nil
}

func complexStats[T tensor.Element](t *tensor.Tensor, value func(T) complex128) (*stats, error) {
	data, err := tensor.Data[T](t)
	if err != nil {
		return nil, err
	}
	s := &stats{}
	for _, e := range data {
		x := value(e)
		switch {
		case math.IsNaN(real(x)) || math.IsNaN(imag(x)):
			s.NaN++
		case math.IsInf(real(x), 0) || math.IsInf(imag(x), 0):
			s.Inf++
		}
	}
	return s, nil
}

func number(x float64, bits int) json.Number {
	return json.Number(strconv.FormatFloat(x, 'g', -1, bits))
}
