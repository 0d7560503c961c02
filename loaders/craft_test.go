package loaders_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
)

// Pickles and archives written by hand, for what torch does not write.

func str(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func global(module, name string) string { return "c" + module + "\n" + name + "\n" }

// num pushes an integer of up to 63 bits.
func num(n int) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func tuple(items ...string) string {
	s := "("
	for _, i := range items {
		s += i
	}
	return s + "t"
}

func nums(n ...int) string {
	s := "("
	for _, i := range n {
		s += num(i)
	}
	return s + "t"
}

// dict is {key: value, …} of keys and values in turn.
func dict(items ...string) string {
	s := "}("
	for i := 0; i < len(items); i += 2 {
		s += str(items[i]) + items[i+1]
	}
	return s + "u"
}

func storage(class, key string, count int) string {
	return tuple(str("storage"), global("torch", class), str(key), str("cpu"), num(count)) + "Q"
}

// view is a tensor over a storage.
func view(storage string, offset int, shape, stride []int) string {
	return global("torch._utils", "_rebuild_tensor_v2") +
		tuple(storage, num(offset), nums(shape...), nums(stride...), "\x89", "}") + "R"
}

// floats is a float32 tensor of n elements, all of its storage.
func floats(key string, n int) string {
	return view(storage("FloatStorage", key, n), 0, []int{n}, []int{1})
}

func pkl(body string) string { return "\x80\x02" + body + "." }

// zipOf returns an archive with the pickle of body and storages of so many
// bytes; edit may change the header of each entry.
func zipOf(t testing.TB, edit func(*zip.FileHeader), body string, storages map[string]int) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	add := func(name string, data []byte) {
		h := &zip.FileHeader{Name: "a/" + name}
		if edit != nil {
			edit(h)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add("data.pkl", []byte(pkl(body)))
	add("byteorder", []byte("little"))
	for i := range 10 {
		key := strconv.Itoa(i)
		if n, ok := storages[key]; ok {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(i)
			}
			add("data/"+key, data)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// safetensorsOf returns a file of a header and n bytes of data.
func safetensorsOf(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	return append(b, make([]byte, n)...)
}

func tensorHeader(key, dtype, shape string, begin, end int) string {
	return fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, key, dtype, shape, begin, end)
}
