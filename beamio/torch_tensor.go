package beamio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/coder"
	"github.com/argand-go/argand/tensor"
)

func init() {
	beam.RegisterSchemaProvider(reflect.TypeFor[Tensor](), tensorProvider{})
	registerRow(reflect.TypeFor[Tensor]())
}

// Tensor is a tensor as an element of a collection, alone or in a field of a
// row: what [Torch] takes and returns. It has the methods of the tensor in it;
// the zero Tensor has none, and crosses stages all the same.
//
// Between stages it is its type, shape and elements in binary. Large tensors
// are better made where they are used, by the Fn of a [Preprocess], than sent.
type Tensor struct{ *tensor.Tensor }

// String returns the type and the shape, "float32 (3, 224, 224)".
func (t Tensor) String() string {
	if t.Tensor == nil {
		return "no tensor"
	}
	return t.Tensor.String()
}

// MarshalJSON writes the tensor as an object for sinks and for people, which is
// not read back: "dtype", PyTorch's name of the type; "shape"; and "data", the
// elements, row-major. Elements are numbers or booleans; what JSON has no
// numbers for is a string, "NaN", "+Inf" or "-Inf". The zero Tensor is null. It
// returns an error for complex numbers.
func (t Tensor) MarshalJSON() ([]byte, error) {
	if t.Tensor == nil {
		return []byte("null"), nil
	}
	data, err := elements(t.Tensor)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		DType string       `json:"dtype"`
		Shape tensor.Shape `json:"shape"`
		Data  any          `json:"data"`
	}{t.DType().String(), append(tensor.Shape{}, t.Shape()...), data})
}

// elements returns the elements as a slice that has a JSON.
func elements(t *tensor.Tensor) (any, error) {
	switch t.DType() {
	case tensor.Float64:
		data, err := tensor.Data[float64](t)
		return jsonNumbers(data), err
	case tensor.Int64:
		return tensor.Data[int64](t)
	case tensor.Int32:
		return tensor.Data[int32](t)
	case tensor.Int16:
		return tensor.Data[int16](t)
	case tensor.Int8:
		return tensor.Data[int8](t)
	case tensor.Uint64:
		return tensor.Data[uint64](t)
	case tensor.Uint32:
		return tensor.Data[uint32](t)
	case tensor.Uint16:
		return tensor.Data[uint16](t)
	case tensor.Bool:
		return tensor.Data[bool](t)
	}
	data, err := t.Float32s() // uint8, which would be a string, and the small floats
	return jsonNumbers(data), err
}

// jsonNumbers returns the values, with strings for those that JSON has no numbers for.
func jsonNumbers[T float32 | float64](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			out[i] = fmt.Sprintf("%+v", v)
			if f != f {
				out[i] = "NaN"
			}
		} else {
			out[i] = v
		}
	}
	return out
}

// A tensor in binary is the version, the type, the number of axes, their
// extents and the elements, little-endian: whatever a pipeline keeps for longer
// than a run says by its first byte how it is to be read. Without a tensor it is
// the version and the invalid type.
const (
	tensorVersion = 1
	maxAxes       = 64 // PyTorch's limit
)

// appendTensor appends a tensor, or nil, in binary.
func appendTensor(b []byte, t *tensor.Tensor) ([]byte, error) {
	if t == nil {
		return append(b, tensorVersion, byte(tensor.Invalid)), nil
	}
	data, axes := t.Bytes(), len(t.Shape())
	switch {
	case len(data) != t.Len()*t.DType().Size():
		return nil, fmt.Errorf("beamio: an outline of a tensor, %v, has no elements to send", t)
	case axes > maxAxes:
		return nil, fmt.Errorf("beamio: a tensor of %d axes; %d can be sent", axes, maxAxes)
	}
	b = append(b, tensorVersion, byte(t.DType()), byte(axes))
	for _, n := range t.Shape() {
		b = binary.AppendUvarint(b, uint64(n))
	}
	begin := len(b)
	b = append(b, data...)
	runtime.KeepAlive(t) // until here, and with it a mapped file
	littleEndian(b[begin:], t.DType())
	return b, nil
}

// parseTensor reads what appendTensor has written, all of data. The tensor has
// memory of its own.
func parseTensor(data []byte) (*tensor.Tensor, error) {
	switch {
	case len(data) < 2:
		return nil, errors.New("beamio: a tensor of no bytes")
	case data[0] != tensorVersion:
		return nil, fmt.Errorf("beamio: a tensor of version %d; this program reads %d", data[0], tensorVersion)
	}
	dtype, rest := tensor.DType(data[1]), data[2:]
	if dtype == tensor.Invalid && len(rest) == 0 {
		return nil, nil
	}
	if !dtype.Valid() || len(rest) == 0 || rest[0] > maxAxes {
		return nil, fmt.Errorf("beamio: not a tensor: %x", data[:min(len(data), 3)])
	}
	shape := make(tensor.Shape, rest[0])
	rest = rest[1:]
	for i := range shape {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > math.MaxInt {
			return nil, fmt.Errorf("beamio: axis %d of a tensor has no extent", i)
		}
		shape[i], rest = int(n), rest[size:]
	}
	if err := shape.Validate(); err != nil {
		return nil, err
	}
	if want := shape.Len() * dtype.Size(); want != len(rest) { // before there is memory for it
		return nil, fmt.Errorf("beamio: %d bytes of elements; %v %v has %d", len(rest), dtype, shape, want)
	}
	own := tensor.AlignedBytes(len(rest))
	copy(own, rest)
	littleEndian(own, dtype)
	return tensor.FromBytes(dtype, shape, own, nil)
}

// littleEndian changes elements between the machine's byte order and the
// smallest byte first, in place.
func littleEndian(data []byte, dtype tensor.DType) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	size := dtype.Size()
	if dtype == tensor.Complex64 || dtype == tensor.Complex128 {
		size /= 2
	}
	for ; len(data) > 0; data = data[size:] {
		for i, j := 0, size-1; i < j; i, j = i+1, j-1 {
			data[i], data[j] = data[j], data[i]
		}
	}
}

// storedTensor is what a [Tensor] is to a runner: a row of bytes. The name of
// the field tells it from every other type.
type storedTensor struct{ ArgandTensor []byte }

// tensorProvider tells Beam how a [Tensor] is written and read.
type tensorProvider struct{}

// FromLogicalType implements [beam.SchemaProvider].
func (tensorProvider) FromLogicalType(reflect.Type) (reflect.Type, error) {
	return reflect.TypeFor[storedTensor](), nil
}

// BuildEncoder implements [beam.SchemaProvider].
func (tensorProvider) BuildEncoder(reflect.Type) (func(any, io.Writer) error, error) {
	return func(v any, w io.Writer) error {
		t, ok := v.(Tensor)
		if !ok {
			return fmt.Errorf("beamio: a %T is no Tensor", v)
		}
		data, err := appendTensor(nil, t.Tensor)
		if err != nil {
			return err
		}
		if err := coder.WriteSimpleRowHeader(1, w); err != nil {
			return err
		}
		return coder.EncodeBytes(data, w)
	}, nil
}

// firstBytes is how much memory is got for a tensor before it is read: the
// length before it may be anything.
const firstBytes = 1 << 20

// BuildDecoder implements [beam.SchemaProvider].
func (tensorProvider) BuildDecoder(reflect.Type) (func(io.Reader) (any, error), error) {
	return func(r io.Reader) (any, error) {
		if err := coder.ReadSimpleRowHeader(1, r); err != nil {
			return nil, err
		}
		n, err := coder.DecodeVarInt(r)
		if err != nil {
			return nil, err
		}
		if n < 0 {
			return nil, fmt.Errorf("beamio: a tensor of %d bytes", n)
		}
		var data bytes.Buffer
		data.Grow(int(min(n, firstBytes)))
		if _, err := io.CopyN(&data, r, n); err != nil {
			return nil, fmt.Errorf("beamio: a tensor ends early: %w", err)
		}
		t, err := parseTensor(data.Bytes())
		return Tensor{t}, err
	}, nil
}
