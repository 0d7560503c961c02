package tensor

import "fmt"

// A DType is the type of a tensor's elements, under PyTorch's names.
type DType uint8

// The element types. The zero DType is invalid.
const (
	Invalid    DType = iota
	Float32          // IEEE binary32, Go's float32
	Float16          // IEEE binary16, [Half]
	BFloat16         // the upper half of a binary32, [BHalf]
	Float64          // IEEE binary64, Go's float64
	Int64            // Go's int64
	Int32            // Go's int32
	Uint8            // Go's uint8
	Bool             // one byte, 0 or 1; Go's bool
	Int8             // Go's int8
	Int16            // Go's int16
	Uint16           // Go's uint16
	Uint32           // Go's uint32
	Uint64           // Go's uint64
	Complex64        // two binary32, real part first; Go's complex64
	Complex128       // two binary64, real part first; Go's complex128
)

var dtypes = [...]struct {
	name string
	size int
}{
	Invalid:  {"invalid", 0},
	Float32:  {"float32", 4},
	Float16:  {"float16", 2},
	BFloat16: {"bfloat16", 2},
	Float64:  {"float64", 8},
	Int64:    {"int64", 8},
	Int32:    {"int32", 4},
	Uint8:    {"uint8", 1},
	Bool:     {"bool", 1},

	Int8:       {"int8", 1},
	Int16:      {"int16", 2},
	Uint16:     {"uint16", 2},
	Uint32:     {"uint32", 4},
	Uint64:     {"uint64", 8},
	Complex64:  {"complex64", 8},
	Complex128: {"complex128", 16},
}

// DTypes returns every valid element type.
func DTypes() []DType {
	return []DType{Float32, Float16, BFloat16, Float64, Int64, Int32, Uint8, Bool,
		Int8, Int16, Uint16, Uint32, Uint64, Complex64, Complex128}
}

// Size returns the bytes of one element, 0 for an invalid type.
func (d DType) Size() int {
	if int(d) >= len(dtypes) {
		return 0
	}
	return dtypes[d].size
}

// Valid reports whether d is one of the constants above other than [Invalid].
func (d DType) Valid() bool { return d.Size() > 0 }

// String returns PyTorch's name without its prefix: "float32" for torch.float32.
func (d DType) String() string {
	if int(d) >= len(dtypes) {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Element lists the Go types of the elements of tensors.
type Element interface {
	float32 | Half | BHalf | float64 | int64 | int32 | uint8 | bool |
		int8 | int16 | uint16 | uint32 | uint64 | complex64 | complex128
}

// TypeOf returns the DType of Go's type T.
func TypeOf[T Element]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return Float32
	case Half:
		return Float16
	case BHalf:
		return BFloat16
	case float64:
		return Float64
	case int64:
		return Int64
	case int32:
		return Int32
	case uint8:
		return Uint8
	case int8:
		return Int8
	case int16:
		return Int16
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	default:
		return Bool
	}
}

// A DTypeError reports an element type that an operation does not take.
type DTypeError struct {
	DType DType
	Want  string
}

func (e *DTypeError) Error() string {
	return fmt.Sprintf("tensor: elements of type %v, want %s", e.DType, e.Want)
}
