package beamio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/argand-go/argand/tensor"
)

// wireAnswer is the protocol's $inference_response, as far as it matters.
type wireAnswer struct {
	Outputs []struct {
		Name       string          `json:"name"`
		Shape      tensor.Shape    `json:"shape"`
		Datatype   string          `json:"datatype"`
		Parameters map[string]any  `json:"parameters"`
		Data       json.RawMessage `json:"data"`
	} `json:"outputs"`
}

// decodeAnswer reads the outputs in the body of an answer, of which the first
// header bytes are JSON, all of it if header is negative. It shares no memory
// with the body.
func decodeAnswer(body []byte, header int) ([]RemoteTensor, error) {
	if header < 0 {
		header = len(body)
	}
	if header > len(body) {
		return nil, fmt.Errorf("a header of %d bytes in %d", header, len(body))
	}
	text, rest := body[:header], body[header:]
	var a wireAnswer
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON")
	}
	if len(a.Outputs) == 0 {
		return nil, errors.New("no outputs")
	}
	out := make([]RemoteTensor, 0, len(a.Outputs))
	for _, o := range a.Outputs {
		t := RemoteTensor{Name: o.Name, Shape: o.Shape}
		fail := func(err error) ([]RemoteTensor, error) { return nil, fmt.Errorf("output %q: %w", o.Name, err) }
		if err := t.Shape.Validate(); err != nil {
			return fail(err)
		}
		dtype := dtypeOf(o.Datatype)
		if dtype == tensor.Invalid && o.Datatype != "BYTES" {
			return fail(fmt.Errorf("datatype %q", o.Datatype))
		}
		if size, ok := o.Parameters["binary_data_size"]; ok {
			n, err := strconv.ParseUint(fmt.Sprint(size), 10, 63)
			if err != nil || n > uint64(len(rest)) {
				return fail(fmt.Errorf("binary_data_size %v with %d bytes left", size, len(rest)))
			}
			if err := t.readBinary(dtype, rest[:n]); err != nil {
				return fail(err)
			}
			rest = rest[n:]
		} else if err := t.readText(dtype, o.Data); err != nil {
			return fail(err)
		}
		out = append(out, t)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes belong to no output", len(rest))
	}
	return out, nil
}

// dtypeOf returns the type of the protocol's name.
func dtypeOf(datatype string) tensor.DType {
	for dtype, name := range datatypes {
		if name == datatype {
			return dtype
		}
	}
	return tensor.Invalid
}

// readBinary fills in the elements, of strings if dtype is invalid.
func (t *RemoteTensor) readBinary(dtype tensor.DType, data []byte) error {
	if dtype == tensor.Invalid {
		return t.readStrings(bytes.Clone(data))
	}
	if want := t.Shape.Len() * dtype.Size(); len(data) != want {
		return fmt.Errorf("%d bytes for %v %v", len(data), dtype, t.Shape)
	}
	own := tensor.AlignedBytes(len(data))
	copy(own, data)
	toLittleEndian(own, dtype.Size())
	return t.set(tensor.FromBytes(dtype, t.Shape, own, nil))
}

// readStrings fills in strings, each after its length.
func (t *RemoteTensor) readStrings(data []byte) error {
	n := t.Shape.Len()
	if n > len(data)/4 {
		return fmt.Errorf("%d bytes for %d strings", len(data), n)
	}
	t.Bytes = make([][]byte, 0, n)
	for range n {
		if len(data) < 4 {
			return fmt.Errorf("%d of %d strings", len(t.Bytes), n)
		}
		size := uint64(binary.LittleEndian.Uint32(data))
		if data = data[4:]; size > uint64(len(data)) {
			return fmt.Errorf("string %d of %d bytes with %d bytes left", len(t.Bytes), size, len(data))
		}
		t.Bytes = append(t.Bytes, data[:size:size])
		data = data[size:]
	}
	if len(data) > 0 {
		return fmt.Errorf("%d bytes after the last string", len(data))
	}
	return nil
}

// set fills in a tensor, which has a shape of its own.
func (t *RemoteTensor) set(v *tensor.Tensor, err error) error {
	t.Value, t.Shape = v, nil
	return err
}

// readText fills in the elements of an array of JSON, flat or nested.
func (t *RemoteTensor) readText(dtype tensor.DType, data json.RawMessage) error {
	if n := t.Shape.Len(); n > len(data)/2 { // an element takes a character and a comma, at least
		return fmt.Errorf("%d bytes of data for %v", len(data), t.Shape)
	}
	switch dtype {
	case tensor.Float32:
		return readArray(t, data, rounded(func(f float32) float32 { return f }))
	case tensor.Float64:
		return readArray(t, data, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case tensor.Float16:
		return readArray(t, data, rounded(tensor.HalfOf))
	case tensor.BFloat16:
		return readArray(t, data, rounded(tensor.BHalfOf))
	case tensor.Int8:
		return readArray(t, data, signed[int8](8))
	case tensor.Int16:
		return readArray(t, data, signed[int16](16))
	case tensor.Int32:
		return readArray(t, data, signed[int32](32))
	case tensor.Int64:
		return readArray(t, data, signed[int64](64))
	case tensor.Uint8:
		return readArray(t, data, unsigned[uint8](8))
	case tensor.Uint16:
		return readArray(t, data, unsigned[uint16](16))
	case tensor.Uint32:
		return readArray(t, data, unsigned[uint32](32))
	case tensor.Uint64:
		return readArray(t, data, unsigned[uint64](64))
	case tensor.Bool:
		elements, err := flatten(data, t.Shape.Len(), func(b bool) (bool, error) { return b, nil })
		if err != nil {
			return err
		}
		return t.set(tensor.Of(elements, t.Shape...))
	}
	var err error
	t.Bytes, err = flatten(data, t.Shape.Len(), func(s string) ([]byte, error) { return []byte(s), nil })
	return err
}

func rounded[T float32 | tensor.Half | tensor.BHalf](round func(float32) T) func(string) (T, error) {
	return func(s string) (T, error) { f, err := strconv.ParseFloat(s, 32); return round(float32(f)), err }
}

func signed[T int8 | int16 | int32 | int64](bits int) func(string) (T, error) {
	return func(s string) (T, error) { n, err := strconv.ParseInt(s, 10, bits); return T(n), err }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](bits int) func(string) (T, error) {
	return func(s string) (T, error) { n, err := strconv.ParseUint(s, 10, bits); return T(n), err }
}

func readArray[T tensor.Element](t *RemoteTensor, data json.RawMessage, parse func(string) (T, error)) error {
	elements, err := flatten(data, t.Shape.Len(), func(n json.Number) (T, error) { return parse(string(n)) })
	if err != nil {
		return err
	}
	return t.set(tensor.Of(elements, t.Shape...))
}

// flatten returns the n elements of an array, which may be of arrays, made of
// JSON's tokens by parse.
func flatten[T, E any](data json.RawMessage, n int, parse func(T) (E, error)) ([]E, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	out := make([]E, 0, n)
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '[':
				depth++
			case ']':
				depth--
			default:
				return nil, errors.New("data: an object")
			}
		case T:
			if len(out) == n {
				return nil, fmt.Errorf("data: more than %d elements", n)
			}
			e, err := parse(v)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		default:
			return nil, fmt.Errorf("data: an element %v", token)
		}
		if depth == 0 {
			break
		}
	}
	if len(out) != n {
		return nil, fmt.Errorf("data: %d elements, want %d", len(out), n)
	}
	return out, nil
}
