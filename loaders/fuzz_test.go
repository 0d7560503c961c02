package loaders_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
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

// fuzzed opens data in strict and in inert mode, takes every tensor and every
// other value, and fails on a recovered panic, but for the one that gopickle's
// dictionaries raise for unhashable keys.
func fuzzed(t *testing.T, data []byte) {
	for _, opts := range [][]loaders.Option{{small}, {small, loaders.WithInert()}} {
		noPanic(t, touch(t, data, opts...))
	}
}

func noPanic(t *testing.T, err error) {
	t.Helper()
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
	for _, b := range loaders.HostileSeeds(f, "pickle", "tensor", "zip", "other", "sound") {
		f.Add(b)
	}
	f.Fuzz(fuzzed)
}

func FuzzPickle(f *testing.F) {
	f.Add(dict("w", floats("0", 6)), false)
	f.Add(global("collections", "OrderedDict")+")R}"+str("_metadata")+"}sb", false)
	f.Add(global("builtins", "set")+"(](K\x01K\x02etR", false)
	f.Add("]q\x00h\x00a", false)
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
				f.Add(strings.TrimSuffix(string(b), "."), false)
			}
		}
		z.Close()
	}
	f.Add(global("lib", "Thing")+"(K\x01t\x81"+dict("x", "K\x07")+"b", false)
	f.Add("("+global("copyreg", "__newobj__")+"("+global("lib", "Thing")+"tRo", false)
	for _, b := range loaders.HostilePickles(f) {
		f.Add(strings.TrimSuffix(strings.TrimPrefix(string(b), "\x80\x02"), "."), true)
	}
	sizes := map[string]int{"0": 24, "1": 432, "2": 16, "3": 480, "4": 8}
	hostileSizes := map[string]int{"0": 24, "1": 9, "2": 4, "3": 3}
	f.Fuzz(func(t *testing.T, body string, hostile bool) {
		n := sizes
		if hostile {
			n = hostileSizes
		}
		fuzzed(t, zipOf(t, nil, body, n))
	})
}

func FuzzSafetensors(f *testing.F) {
	f.Add(string(file(f, "plain.safetensors")[8:]), uint8(0))
	f.Add("{"+tensorHeader("a", "F32", "[2]", 0, 8)+"}", uint8(8))
	f.Add(`{"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}} `, uint8(1))
	for _, b := range loaders.HostileSeeds(f, "safetensors") {
		header, after := b[8:], 0
		if n := binary.LittleEndian.Uint64(b); n <= uint64(len(header)) {
			after, header = len(header)-int(n), header[:n]
		}
		f.Add(string(header), uint8(min(after, math.MaxUint8)))
	}
	f.Fuzz(func(t *testing.T, header string, n uint8) {
		fuzzed(t, safetensorsOf(header, int(n)))
		fuzzed(t, append([]byte("\x80\x00\x00\x00\x00\x00\x00\x00"), header...))
	})
}

func FuzzLegacy(f *testing.F) {
	magic := pkl("\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19")
	add := func(b []byte) {
		if rest, ok := bytes.CutPrefix(b, []byte(magic)); ok {
			f.Add(rest)
		}
	}
	for _, n := range []string{"legacy.pth", "parts.pth", "python2.pth", "unaligned.pth", "net_legacy.pth"} {
		add(file(f, n))
	}
	for _, b := range loaders.HostileSeeds(f, "legacy") {
		add(b)
	}
	add([]byte(legacyOf(dict("w", view(legacyStorage("FloatStorage", "0", 2, "N"), 0, []int{2}, []int{1})),
		[]string{"0"}, []int{2}, 8)))
	f.Fuzz(func(t *testing.T, rest []byte) { fuzzed(t, append([]byte(magic), rest...)) })
}

func FuzzTar(f *testing.F) {
	record := tuple(num(7), str("cpu"), global("torch", "FloatStorage"))
	f.Add(pkl(num(1))+pkl(record)+words(1, 0)+pkl("]"+nums(8, 7, 0, 1)+"a"),
		pkl(num(1))+pkl(nums(9, 8, 0))+words(1, 1, 1, 0), pkl(dict("w", str("9")+"Q")), []byte{})
	whole := file(f, "tar_nested.pth")
	f.Add("", "", "", whole)
	for _, b := range loaders.HostileSeeds(f, "tar") {
		f.Add("", "", "", b)
	}
	f.Fuzz(func(t *testing.T, storages, tensors, object string, whole []byte) {
		if len(whole) < 262 {
			fuzzed(t, tarOf(t, nil, "storages", storages, "tensors", tensors, "pickle", object))
			return
		}
		copy(whole[257:], "ustar")
		fuzzed(t, whole)
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(`{"metadata": {"total_size": 1}, "weight_map": {"a.weight": "s", "b": "s"}}`)
	f.Add(`{"weight_map": {"a.weight": "../s"}}`)
	f.Add(`{"weight_map": {"a.weight": "i", "b": "\u0073"}}`)
	f.Add(`{"weight_map": {"w": "p"}}`)
	for _, b := range loaders.HostileSeeds(f, "index") {
		f.Add(string(b))
	}
	shard := file(f, "model-00001-of-00002.safetensors")
	pickled := zipOf(f, nil, dict("w", floats("0", 6), "epoch", "K\x07"), map[string]int{"0": 24})
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{"d/i": {Data: []byte(text)}, "d/s": {Data: shard}, "d/p": {Data: pickled}, "s": {Data: shard}}
		for _, opts := range [][]loaders.Option{{small}, {small, loaders.WithInert()}} {
			c, err := loaders.OpenFS(opened{files, t}, "d/i", opts...)
			typed(t, err)
			if err == nil {
				err = takeAll(t, c)
				if c.Format() == "safetensors shards" && len(c.Keys()) != 2 {
					t.Errorf("keys %q", c.Keys())
				}
			}
			noPanic(t, err)
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
