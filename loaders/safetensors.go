package loaders

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/argand-go/argand/tensor"
)

// readSafetensors reads a safetensors file:
//
//	8 bytes   n, little-endian
//	n bytes   {"key": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …, "__metadata__": {…}}
//	the rest  the elements, in the order of the offsets, without holes or overlap
//
// The rules are strict, so that a file has one meaning or none.
func (f *file) readSafetensors() error {
	f.format = "safetensors"
	var count [8]byte
	if _, err := f.src.ReadAt(count[:], 0); err != nil {
		return f.wrap(0, "", "cannot be read", err)
	}
	n := binary.LittleEndian.Uint64(count[:])
	if n > uint64(f.limits.HeaderBytes) {
		return &LimitError{f.name, "HeaderBytes", f.limits.HeaderBytes, fmt.Sprintf("a header of %d bytes", n)}
	}
	header, err := f.src.view(8, int64(n))
	if err != nil {
		return f.wrap(0, "", "truncated file: no header", err)
	}
	if !utf8.Valid(header) {
		return f.wrap(-1, "header", "not UTF-8", nil)
	}
	h := headerReader{
		file: f,
		data: &storage{offset: 8 + int64(n), size: f.src.size() - 8 - int64(n)},
		json: json.NewDecoder(bytes.NewReader(header)),
	}
	h.json.UseNumber()
	if err := h.object(h.member); err != nil {
		if l := (*LimitError)(nil); errors.As(err, &l) {
			return err
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &FormatError{f.name, h.json.InputOffset(), "header", clip(h.key), "damaged, before this byte", err}
	}
	if rest := bytes.TrimRight(header[h.json.InputOffset():], " "); len(rest) > 0 {
		return f.wrap(h.json.InputOffset(), "header", "text after the last brace", nil)
	}
	return h.cover()
}

// A headerReader reads the JSON of a header token by token: decoding it into
// maps would accept what the format forbids, a key that occurs twice.
type headerReader struct {
	file  *file
	data  *storage
	json  *json.Decoder
	key   string // being read
	spans []span
}

// A span is where the elements of a tensor are: bytes begin to end-1 of the data.
type span struct{ begin, end int64 }

// object reads {"name": value, …}, calling value to read each value.
func (h *headerReader) object(value func(name string) error) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	names := map[string]bool{}
	for h.json.More() {
		name, err := h.text()
		if err != nil {
			return err
		}
		if names[name] {
			return fmt.Errorf("%q occurs twice", clip(name))
		}
		names[name] = true
		if len(names) > h.file.limits.Entries {
			return &LimitError{h.file.name, "Entries", int64(h.file.limits.Entries), "tensors and other values"}
		}
		if err := value(name); err != nil {
			return err
		}
	}
	return h.delim('}')
}

// member reads a tensor or the metadata.
func (h *headerReader) member(name string) error {
	h.key = name
	if name == "__metadata__" {
		h.file.metadata = map[string]string{}
		return h.object(func(name string) (err error) {
			h.file.metadata[name], err = h.text()
			return err
		})
	}
	var typ string
	var shape, offsets []int64
	err := h.object(func(name string) (err error) {
		switch name {
		case "dtype":
			typ, err = h.text()
		case "shape":
			shape, err = h.numbers(h.file.limits.Dims)
		case "data_offsets":
			offsets, err = h.numbers(2)
		default:
			err = fmt.Errorf("%q is no part of a tensor", clip(name))
		}
		return err
	})
	if err != nil {
		return err
	}
	if typ == "" || shape == nil || len(offsets) != 2 {
		return errors.New("a tensor needs dtype, shape and two data_offsets")
	}
	return h.tensor(typ, shape, span{offsets[0], offsets[1]})
}

// tensor adds the tensor h.key, after checking its size.
func (h *headerReader) tensor(typ string, shape []int64, at span) error {
	if at.begin > at.end || at.end > h.data.size {
		return fmt.Errorf("data_offsets %d to %d in data of %d bytes", at.begin, at.end, h.data.size)
	}
	e := &entry{file: h.file, key: h.key, typ: typ, shape: make(tensor.Shape, len(shape)),
		storage: &storage{offset: h.data.offset + at.begin, size: at.end - at.begin}}
	for i, d := range shape {
		e.shape[i] = int(d)
	}
	if err := e.shape.Validate(); err != nil {
		return err
	}
	if t, ok := safetensorsTypes[typ]; ok {
		e.typ, e.dtype = t.name, t.dtype
		if want := int64(e.shape.Len()) * int64(t.width); want != at.end-at.begin {
			return fmt.Errorf("%s of shape %v takes %d bytes, data_offsets %d to %d give %d",
				typ, e.shape, want, at.begin, at.end, at.end-at.begin)
		}
	}
	h.file.entries = append(h.file.entries, e)
	h.spans = append(h.spans, at)
	return nil
}

// cover checks that the tensors cover the data without holes or overlap.
func (h *headerReader) cover() error {
	slices.SortFunc(h.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	end := int64(0)
	for _, s := range h.spans {
		if s.begin != end {
			return h.file.wrap(h.data.offset+end, "", fmt.Sprintf(
				"hole or overlap: a tensor ends here, the next begins at byte %d", h.data.offset+s.begin), nil)
		}
		end = s.end
	}
	if end != h.data.size {
		return h.file.wrap(h.data.offset+end, "", fmt.Sprintf(
			"the last tensor ends here, the file at byte %d", h.file.src.size()), nil)
	}
	return nil
}

func (h *headerReader) delim(want json.Delim) error {
	t, err := h.json.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%v where %v should be", clip(fmt.Sprint(t)), want)
	}
	return err
}

func (h *headerReader) text() (string, error) {
	t, err := h.json.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%v where a string should be", clip(fmt.Sprint(t)))
	}
	return s, nil
}

// numbers reads an array of at most most whole numbers from 0 up.
func (h *headerReader) numbers(most int) ([]int64, error) {
	if err := h.delim('['); err != nil {
		return nil, err
	}
	out := []int64{}
	for h.json.More() {
		t, err := h.json.Token()
		if err != nil {
			return nil, err
		}
		text, _ := t.(json.Number)
		n, err := strconv.ParseUint(text.String(), 10, 64)
		if err != nil || n > math.MaxInt {
			return nil, fmt.Errorf("%v where a whole number of 63 bits should be", clip(fmt.Sprint(t)))
		}
		if len(out) == most {
			return nil, fmt.Errorf("more than %d numbers", most)
		}
		out = append(out, int64(n))
	}
	return out, h.delim(']')
}

// safetensorsTypes has the format's names of the types whose size is whole
// bytes; tensors of others are listed but not read.
var safetensorsTypes = map[string]*elementType{
	"F32": elementTypes["float32"], "F16": elementTypes["float16"], "BF16": elementTypes["bfloat16"],
	"F64": elementTypes["float64"], "I64": elementTypes["int64"], "I32": elementTypes["int32"],
	"U8": elementTypes["uint8"], "BOOL": elementTypes["bool"],
	"I8": elementTypes["int8"], "I16": elementTypes["int16"], "U16": elementTypes["uint16"],
	"U32": elementTypes["uint32"], "U64": elementTypes["uint64"], "C64": elementTypes["complex64"],
	"F8_E4M3": elementTypes["float8_e4m3fn"], "F8_E5M2": elementTypes["float8_e5m2"],
	"F8_E8M0": elementTypes["float8_e8m0fnu"],
}
