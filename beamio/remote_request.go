package beamio

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/argand-go/argand/tensor"
)

// datatypes are the protocol's names of the types of tensors.
var datatypes = map[tensor.DType]string{
	tensor.Bool: "BOOL", tensor.Uint8: "UINT8", tensor.Uint16: "UINT16", tensor.Uint32: "UINT32", tensor.Uint64: "UINT64",
	tensor.Int8: "INT8", tensor.Int16: "INT16", tensor.Int32: "INT32", tensor.Int64: "INT64",
	tensor.Float16: "FP16", tensor.Float32: "FP32", tensor.Float64: "FP64", tensor.BFloat16: "BF16",
}

// wireRequest is the protocol's $inference_request.
type wireRequest struct {
	Parameters map[string]bool `json:"parameters,omitempty"`
	Inputs     []wireInput     `json:"inputs"`
	Outputs    []wireOutput    `json:"outputs,omitempty"`
}

type wireInput struct {
	Name       string           `json:"name"`
	Shape      tensor.Shape     `json:"shape"`
	Datatype   string           `json:"datatype"`
	Parameters map[string]int64 `json:"parameters,omitempty"`
	Data       json.RawMessage  `json:"data,omitempty"`
}

type wireOutput struct {
	Name       string          `json:"name"`
	Parameters map[string]bool `json:"parameters,omitempty"`
}

// encodeRequest returns the body of a request, of which the first header bytes
// are JSON and the others the inputs. With textOnly everything is JSON.
func encodeRequest(inputs []RemoteTensor, outputs []string, textOnly bool) (body []byte, header int, err error) {
	var r wireRequest
	var data []byte
	for _, t := range inputs {
		in, err := wireInputOf(t)
		if err != nil {
			return nil, 0, AtStage(StagePreprocess, fmt.Errorf("input %q: %w", t.Name, err))
		}
		if textOnly {
			if in.Data, err = appendText(nil, t); err != nil {
				return nil, 0, AtStage(StagePreprocess, fmt.Errorf("input %q: %w", t.Name, err))
			}
		} else {
			begin := len(data)
			data = appendBinary(data, t)
			in.Parameters = map[string]int64{"binary_data_size": int64(len(data) - begin)}
		}
		r.Inputs = append(r.Inputs, in)
	}
	for _, name := range outputs {
		out := wireOutput{Name: name}
		if !textOnly {
			out.Parameters = map[string]bool{"binary_data": true}
		}
		r.Outputs = append(r.Outputs, out)
	}
	if !textOnly && len(outputs) == 0 {
		r.Parameters = map[string]bool{"binary_data_output": true}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, 0, err
	}
	return append(text, data...), len(text), nil
}

func wireInputOf(t RemoteTensor) (wireInput, error) {
	if t.Value != nil {
		datatype, ok := datatypes[t.Value.DType()]
		if !ok {
			return wireInput{}, fmt.Errorf("the protocol has no %v", t.Value.DType())
		}
		return wireInput{Name: t.Name, Shape: noNil(t.Value.Shape()), Datatype: datatype}, nil
	}
	if err := t.Shape.Validate(); err != nil {
		return wireInput{}, err
	}
	if len(t.Bytes) != t.Shape.Len() {
		return wireInput{}, fmt.Errorf("%d strings for shape %v", len(t.Bytes), t.Shape)
	}
	for _, s := range t.Bytes {
		if int64(len(s)) > math.MaxUint32 {
			return wireInput{}, fmt.Errorf("a string of %d bytes", len(s))
		}
	}
	return wireInput{Name: t.Name, Shape: noNil(t.Shape), Datatype: "BYTES"}, nil
}

// noNil makes JSON's [] of a scalar's shape, and not null.
func noNil(s tensor.Shape) tensor.Shape {
	if s == nil {
		return tensor.Shape{}
	}
	return s
}

// appendBinary appends the elements of a tensor, little-endian.
func appendBinary(dst []byte, t RemoteTensor) []byte {
	if t.Value != nil {
		begin := len(dst)
		dst = append(dst, t.Value.Bytes()...)
		toLittleEndian(dst[begin:], t.Value.DType().Size())
		return dst
	}
	for _, s := range t.Bytes {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// toLittleEndian changes elements of some size from the machine's order of bytes
// to the protocol's, or back.
func toLittleEndian(data []byte, size int) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	for element := range slices.Chunk(data, size) {
		slices.Reverse(element)
	}
}

// appendText appends the elements of a tensor as one flat array of JSON.
func appendText(dst []byte, t RemoteTensor) ([]byte, error) {
	if t.Value == nil {
		return appendStrings(dst, t.Bytes)
	}
	switch t.Value.DType() {
	case tensor.Float32:
		return appendArray(dst, t.Value, appendFloat[float32](32))
	case tensor.Float64:
		return appendArray(dst, t.Value, appendFloat[float64](64))
	case tensor.Bool:
		return appendArray(dst, t.Value, appendBool)
	case tensor.Int8:
		return appendArray(dst, t.Value, appendInt[int8])
	case tensor.Int16:
		return appendArray(dst, t.Value, appendInt[int16])
	case tensor.Int32:
		return appendArray(dst, t.Value, appendInt[int32])
	case tensor.Int64:
		return appendArray(dst, t.Value, appendInt[int64])
	case tensor.Uint8:
		return appendArray(dst, t.Value, appendUint[uint8])
	case tensor.Uint16:
		return appendArray(dst, t.Value, appendUint[uint16])
	case tensor.Uint32:
		return appendArray(dst, t.Value, appendUint[uint32])
	case tensor.Uint64:
		return appendArray(dst, t.Value, appendUint[uint64])
	}
	return nil, fmt.Errorf("%v has no form in the protocol's JSON", t.Value.DType())
}

func appendArray[T tensor.Element](
	dst []byte, t *tensor.Tensor, element func([]byte, T) ([]byte, error),
) ([]byte, error) {
	data, err := tensor.Data[T](t)
	if err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	for i, v := range data {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = element(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendFloat[T float32 | float64](bits int) func([]byte, T) ([]byte, error) {
	return func(dst []byte, v T) ([]byte, error) {
		f := float64(v)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("JSON has no number %v", f)
		}
		return strconv.AppendFloat(dst, f, 'g', -1, bits), nil
	}
}

func appendBool(dst []byte, b bool) ([]byte, error) { return strconv.AppendBool(dst, b), nil }

func appendInt[T int8 | int16 | int32 | int64](dst []byte, n T) ([]byte, error) {
	return strconv.AppendInt(dst, int64(n), 10), nil
}

func appendUint[T uint8 | uint16 | uint32 | uint64](dst []byte, n T) ([]byte, error) {
	return strconv.AppendUint(dst, uint64(n), 10), nil
}

func appendStrings(dst []byte, all [][]byte) ([]byte, error) {
	list := make([]string, len(all))
	for i, s := range all {
		if !utf8.Valid(s) {
			return nil, errors.New("a string is not UTF-8, which JSON cannot have")
		}
		list[i] = string(s)
	}
	text, err := json.Marshal(list)
	return append(dst, text...), err
}
