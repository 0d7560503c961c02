package loaders_test

import (
	"archive/zip"
	"io/fs"
	"math"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/argand-go/argand/loaders"
)

// small keeps the fuzzers to inputs that end soon.
var small = loaders.WithLimits(loaders.Limits{PickleOps: 20000, PickleMemory: 16 << 20, Entries: 20000,
	Inflated: 4 << 20, Gathered: 4 << 20, PickleBytes: 1 << 20})

// fuzzed opens data and fails on a recovered panic, but for the one that
// gopickle's dictionaries raise for unhashable keys.
func fuzzed(t *testing.T, data []byte) {
	err := touch(t, data, small)
	if err != nil && strings.Contains(err.Error(), "runtime error") && !strings.Contains(err.Error(), "unhashable") {
		t.Errorf("a panic was recovered: %v", err)
	}
}

// fuzzedInert does the same when nothing is refused for its class, and looks at
// the values that are not tensors.
func fuzzedInert(t *testing.T, data []byte) {
	fuzzed(t, data)
	c, err := loaders.OpenBytes(data, "f", small, loaders.WithInert())
	if err == nil {
		for _, k := range c.Ignored() {
			if _, e := c.Value(k); e != nil {
				err = e
			}
		}
		for _, k := range c.Keys() {
			if _, e := c.Tensor(k); e != nil {
				err = e
			}
		}
	}
	typed(t, err)
	if err != nil && strings.Contains(err.Error(), "runtime error") && !strings.Contains(err.Error(), "unhashable") {
		t.Errorf("a panic was recovered: %v", err)
	}
}

func FuzzZip(f *testing.F) {
	names, err := filepath.Glob("testdata/*.pth")
	if err != nil || len(names) < 20 {
		f.Fatal(err, names)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(fuzzed)
}

func FuzzPickle(f *testing.F) {
	f.Add(dict("w", floats("0", 6)))
	f.Add(global("collections", "OrderedDict") + ")R}" + str("_metadata") + "}sb")
	f.Add(global("builtins", "set") + "(](K\x01K\x02etR")
	f.Add("]q\x00h\x00a")
	for _, name := range []string{"plain.pth", "nested.pth", "views.pth", "types.pth", "protocol4.pth", "protocol1.pth",
		"net_p2.pth", "net_p4.pth", "numpy_p2.pth", "numpy_p5.pth"} {
		z, err := zip.OpenReader("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range z.File {
			if strings.HasSuffix(m.Name, "/data.pkl") {
				r, err := m.Open()
				if err != nil {
					f.Fatal(err)
				}
				b := make([]byte, m.UncompressedSize64)
				if _, err := r.Read(b); err != nil && err.Error() != "EOF" {
					f.Fatal(err)
				}
				f.Add(strings.TrimSuffix(string(b), "."))
			}
		}
		z.Close()
	}
	sizes := map[string]int{"0": 24, "1": 432, "2": 16, "3": 480, "4": 8}
	f.Add(global("lib", "Thing") + "(K\x01t\x81" + dict("x", "K\x07") + "b")
	f.Add("(" + global("copyreg", "__newobj__") + "(" + global("lib", "Thing") + "tRo")
	f.Fuzz(func(t *testing.T, body string) { fuzzedInert(t, zipOf(t, nil, body, sizes)) })
}

func FuzzSafetensors(f *testing.F) {
	f.Add(string(file(f, "plain.safetensors")[8:]), uint8(0))
	f.Add("{"+tensorHeader("a", "F32", "[2]", 0, 8)+"}", uint8(8))
	f.Add(`{"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}} `, uint8(1))
	f.Fuzz(func(t *testing.T, header string, n uint8) {
		fuzzed(t, safetensorsOf(header, int(n)))
		fuzzed(t, append([]byte("\x80\x00\x00\x00\x00\x00\x00\x00"), header...))
	})
}

func FuzzLegacy(f *testing.F) {
	for _, n := range []string{"legacy.pth", "parts.pth", "python2.pth"} {
		f.Add(string(file(f, n)[len(legacyHead):]))
	}
	f.Add(pkl(dict("w", view(legacyStorage("FloatStorage", "0", 2, "N"), 0, []int{2}, []int{1}))) + pkl("]"+str("0")+"a") + words(2, 0))
	f.Fuzz(func(t *testing.T, rest string) { fuzzedInert(t, []byte(legacyHead+rest)) })
}

func FuzzTar(f *testing.F) {
	record := tuple(num(7), str("cpu"), global("torch", "FloatStorage"))
	f.Add(pkl(num(1))+pkl(record)+words(1, 0)+pkl("]"+nums(8, 7, 0, 1)+"a"),
		pkl(num(1))+pkl(nums(9, 8, 0))+words(1, 1, 1, 0), pkl(dict("w", str("9")+"Q")), []byte{})
	whole := file(f, "tar_nested.pth")
	f.Add("", "", "", whole)
	f.Fuzz(func(t *testing.T, storages, tensors, object string, whole []byte) {
		if len(whole) < 262 {
			fuzzedInert(t, tarOf(t, nil, "storages", storages, "tensors", tensors, "pickle", object))
			return
		}
		copy(whole[257:], "ustar")
		fuzzedInert(t, whole)
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(`{"metadata": {"total_size": 1}, "weight_map": {"a.weight": "s", "b": "s"}}`)
	f.Add(`{"weight_map": {"a.weight": "../s"}}`)
	f.Add(`{"weight_map": {"a.weight": "i", "b": "\u0073"}}`)
	shard := file(f, "model-00001-of-00002.safetensors")
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{"d/i": {Data: []byte(text)}, "d/s": {Data: shard}, "s": {Data: shard}}
		c, err := loaders.OpenFS(opened{files, t}, "d/i", small)
		typed(t, err)
		if err == nil && len(c.Keys()) != 2 && c.Format() == "safetensors shards" {
			t.Errorf("keys %q", c.Keys())
		}
	})
}

// opened fails if a file outside the directory of the index is opened.
type opened struct {
	fstest.MapFS
	t *testing.T
}

func (o opened) Open(name string) (fs.File, error) {
	if path.Dir(name) != "d" {
		o.t.Errorf("%q was opened", name)
	}
	return o.MapFS.Open(name)
}

// FuzzViews holds strided views against loops over elements, in arithmetic
// that cannot overflow.
func FuzzViews(f *testing.F) {
	f.Add(0, 2, 3, 3, 1, 1, 1, uint8(0))
	f.Add(5, 2, 2, 1, 2, 0, 7, uint8(1))
	f.Add(1, 0, 3, -1, 1, math.MaxInt, 1, uint8(2))
	f.Add(0, 1<<32, 1<<32, 0, 0, 1, 1, uint8(3))
	f.Add(2, 3, 2, 2, 0, 1, 1, uint8(4))
	classes := []struct {
		name string
		size int
	}{{"ByteStorage", 1}, {"HalfStorage", 2}, {"FloatStorage", 4}, {"LongStorage", 8}, {"ComplexDoubleStorage", 16}}
	const elements = 24
	f.Fuzz(func(t *testing.T, offset, n0, n1, s0, s1, n2, s2 int, class uint8) {
		k := classes[int(class)%len(classes)]
		shape, stride := []int{n0, n1, n2}, []int{s0, s1, s2}
		data := zipOf(t, nil, dict("v", view(storage(k.name, "0", elements), offset, shape, stride)), map[string]int{"0": elements * k.size})
		bytes := make([]byte, elements*k.size)
		for i := range bytes {
			bytes[i] = byte(i)
		}
		want, ok := reference(bytes, k.size, offset, shape, stride)
		c, err := loaders.OpenBytes(data, "f", small)
		if err == nil {
			x, e := c.Tensor("v")
			if err = e; err == nil {
				if !ok || string(x.Bytes()) != string(want) {
					t.Errorf("%d %v %v: %x, want %x, %v", offset, shape, stride, x.Bytes(), want, ok)
				}
				return
			}
		}
		typed(t, err)
		if ok && !strings.Contains(err.Error(), "Limits.Gathered") {
			t.Errorf("%d %v %v: %v", offset, shape, stride, err)
		}
	})
}

// reference returns the elements of a view in C order, and whether all of them
// are there and can be counted.
func reference(data []byte, size, offset int, shape, stride []int) ([]byte, bool) {
	last, count, least := big.NewInt(int64(offset)), big.NewInt(1), big.NewInt(1)
	for i, n := range shape {
		if n < 0 || stride[i] < 0 {
			return nil, false
		}
		count.Mul(count, big.NewInt(int64(n)))
		least.Mul(least, big.NewInt(int64(max(n, 1))))
		if n > 1 {
			last.Add(last, new(big.Int).Mul(big.NewInt(int64(n-1)), big.NewInt(int64(stride[i]))))
		}
	}
	if offset < 0 || !least.IsInt64() || least.Int64() > math.MaxInt/16 || !last.IsInt64() {
		return nil, false
	}
	if count.Sign() == 0 {
		return []byte{}, true
	}
	if last.Int64() >= int64(len(data)/size) {
		return nil, false
	}
	if count.Int64() > 1<<20 {
		return nil, true // more than the limits grant
	}
	var out []byte
	for i := range shape[0] {
		for j := range shape[1] {
			for k := range shape[2] {
				at := (offset + i*stride[0] + j*stride[1] + k*stride[2]) * size
				out = append(out, data[at:at+size]...)
			}
		}
	}
	return out, true
}
