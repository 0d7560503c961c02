package loaders

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/argand-go/argand/tensor"
)

// WriteSafetensors writes t to w in the format of safetensors, byte for byte
// as its own library does: tensors with wide elements first, so that all are
// aligned, then by key. The metadata is that of t or, if it has none,
// {"format": "pt"}, which readers of PyTorch models ask for.
//
// The format knows neither shared memory nor nesting: each tensor is written
// on its own, and nested dicts become dotted keys. It returns a [*WriteError];
// what was written to w by then is no readable file, [SaveSafetensors] leaves
// none behind.
func WriteSafetensors(w io.Writer, t Tensors) (err error) {
	defer guardWrite(&err)()
	items, err := itemsOf(t)
	if err != nil {
		return err
	}
	for _, i := range items {
		if i.rank = rankOf(i.dtype); i.rank < 0 {
			return &WriteError{Key: i.key, Msg: "safetensors has no type for " + i.dtype.String()}
		}
		if i.key == metadataKey {
			return &WriteError{Key: i.key, Msg: "safetensors keeps this name for itself"}
		}
	}
	slices.SortFunc(items, func(a, b *item) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), strings.Compare(a.key, b.key))
	})
	header, err := headerOf(items, t)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return &WriteError{Err: err}
	}
	for _, i := range items {
		if err := i.write(w, t, 0); err != nil {
			return err
		}
	}
	return nil
}

const metadataKey = "__metadata__"

// safetensorsRanks has the format's types, from narrow to wide as its library
// sorts them, and PyTorch's names of them.
var safetensorsRanks = []struct{ name, torch string }{
	{"BOOL", "bool"}, {"U8", "uint8"}, {"I8", "int8"}, {"I16", "int16"}, {"U16", "uint16"}, {"F16", "float16"},
	{"BF16", "bfloat16"}, {"I32", "int32"}, {"U32", "uint32"}, {"F32", "float32"}, {"C64", "complex64"},
	{"F64", "float64"}, {"I64", "int64"}, {"U64", "uint64"},
}

func rankOf(t tensor.DType) int {
	for n, r := range safetensorsRanks {
		if r.torch == t.String() {
			return n
		}
	}
	return -1
}

// headerOf returns the length of the header and the header, and gives each
// item its offset.
func headerOf(items []*item, t Tensors) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteString(`{"` + metadataKey + `":{`)
	metadata := map[string]string{}
	if m, ok := t.(interface{ Metadata() map[string]string }); ok {
		metadata = m.Metadata()
	}
	if len(metadata) == 0 {
		metadata = map[string]string{"format": "pt"}
	}
	for n, name := range slices.Sorted(maps.Keys(metadata)) {
		if !utf8.ValidString(name) || !utf8.ValidString(metadata[name]) {
			return nil, &WriteError{Msg: fmt.Sprintf("metadata %q is not UTF-8", clip(name))}
		}
		if n > 0 {
			b.WriteByte(',')
		}
		quote(&b, name)
		b.WriteByte(':')
		quote(&b, metadata[name])
	}
	b.WriteByte('}')
	end := int64(0)
	for _, i := range items {
		if i.bytes > math.MaxInt64-end {
			return nil, &WriteError{Key: i.key, Msg: "the file would have more than 2^63 bytes"}
		}
		i.offset, end = end, end+i.bytes
		b.WriteByte(',')
		quote(&b, i.key)
		b.WriteString(`:{"dtype":"` + safetensorsRanks[i.rank].name + `","shape":[`)
		for n, d := range i.shape {
			if n > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(d))
		}
		fmt.Fprintf(&b, `],"data_offsets":[%d,%d]}`, i.offset, end)
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	const most = 100_000_000 // of the format
	if b.Len()-8 > most {
		return nil, &WriteError{Msg: fmt.Sprintf("a header of %d bytes, safetensors allows %d", b.Len()-8, most)}
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// quote writes s as a string of JSON the way Rust's serde_json does, which
// escapes less than Go's package.
func quote(b *bytes.Buffer, s string) {
	const short = "\b\t\n\f\r\"\\"
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if n := strings.IndexByte(short, c); n >= 0 {
			b.WriteString([]string{`\b`, `\t`, `\n`, `\f`, `\r`, `\"`, `\\`}[n])
		} else if c < ' ' {
			fmt.Fprintf(b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
