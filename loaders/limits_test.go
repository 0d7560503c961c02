package loaders_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/loaders"
)

func TestLimits(t *testing.T) {
	deflate := func(h *zip.FileHeader) { h.Method = zip.Deflate }
	body := dict("w", floats("0", 6), "v", view(storage("FloatStorage", "1", 2), 0, []int{100, 2}, []int{0, 1}))
	sizes := map[string]int{"0": 24, "1": 8}
	stored, deflated := zipOf(t, nil, body, sizes), zipOf(t, deflate, body, sizes)
	for _, c := range []struct {
		field string
		data  []byte
		limit loaders.Limits
		fits  loaders.Limits
	}{
		{"PickleOps", stored, loaders.Limits{PickleOps: 30}, loaders.Limits{PickleOps: 80}},
		{"PickleMemory", stored, loaders.Limits{PickleMemory: 1000}, loaders.Limits{PickleMemory: 20000}},
		{"StringBytes", stored, loaders.Limits{StringBytes: 6}, loaders.Limits{StringBytes: 8}},
		{"Nesting", zipOf(t, nil, "]]]]aaa", nil), loaders.Limits{Nesting: 2}, loaders.Limits{Nesting: 3}},
		{"Nesting", zipOf(t, nil, "((((tttt", nil), loaders.Limits{Nesting: 3}, loaders.Limits{Nesting: 4}},
		{"Dims", stored, loaders.Limits{Dims: 1}, loaders.Limits{Dims: 2}},
		{"Entries", stored, loaders.Limits{Entries: 2}, loaders.Limits{Entries: 4}},
		{"Inflated", deflated, loaders.Limits{Inflated: 200}, loaders.Limits{Inflated: 700}},
		{"Gathered", stored, loaders.Limits{Gathered: 799}, loaders.Limits{Gathered: 800}},
		{"HeaderBytes", safetensorsOf("{}", 0), loaders.Limits{HeaderBytes: 1}, loaders.Limits{HeaderBytes: 2}},
	} {
		err := touch(t, c.data, loaders.WithLimits(c.limit))
		var l *loaders.LimitError
		if !errors.As(err, &l) || l.Limit != c.field || !strings.Contains(err.Error(), "more than Limits."+c.field) {
			t.Errorf("%s: %v, want a LimitError", c.field, err)
		}
		if err := touch(t, c.data, loaders.WithLimits(c.fits)); err != nil {
			t.Errorf("%s: %v at a limit that fits", c.field, err)
		}
	}
	err := touch(t, stored, loaders.WithLimits(loaders.Limits{PickleBytes: 100}))
	if err == nil || !strings.Contains(err.Error(), "more than 100") {
		t.Errorf("PickleBytes: %v", err)
	}
}

// A tensor that is gathered again does not use up the budget.
func TestGatherAgain(t *testing.T) {
	body := dict("v", view(storage("FloatStorage", "0", 6), 0, []int{3, 2}, []int{1, 3}))
	c, err := loaders.OpenBytes(zipOf(t, nil, body, map[string]int{"0": 24}), "f",
		loaders.WithLimits(loaders.Limits{Gathered: 24}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		x := values(t, c, "v")
		if b := x.Bytes(); b[0] != 0 || b[4] != 12 || b[8] != 4 || b[12] != 16 {
			t.Errorf("gathered %v", b)
		}
	}
}

// Objects that contain themselves, or one another very often, end.
func TestSharedObjects(t *testing.T) {
	self := "]q\x00h\x00a"
	dag := "]q\x00"
	for range 200 {
		dag += "q\x00(h\x00h\x00l" // [x, x]
	}
	wide := "](" + strings.Repeat("N", 1000) + "eq\x00"
	wide += "](" + strings.Repeat("h\x00", 1000) + "eq\x01](" + strings.Repeat("h\x01", 1000) + "e"
	deep := strings.Repeat("]", 100000) + strings.Repeat("a", 99999)
	keys := str(strings.Repeat("k", 100000)) + "q\x00" + strings.Repeat("}h\x00", 40) + "N" + strings.Repeat("s", 40)
	double := "}(" + strings.Repeat(str("a")+"N", 3000) + "uq\x00](" + strings.Repeat("h\x00", 1000) + "e"
	meta := global("collections", "OrderedDict") + ")R}" + str("_metadata") + global("collections", "OrderedDict") + ")R("
	for i := range 3000 {
		meta += num(i) + "N"
	}
	meta += "usbq\x00](" + strings.Repeat("h\x00", 1000) + "e"
	for name, body := range map[string]string{
		"list in itself": self, "shared lists": dag, "wide": wide, "deep": deep, "long keys": keys,
		"one key often": double, "metadata often": meta,
	} {
		err := touch(t, zipOf(t, nil, body, nil))
		var l *loaders.LimitError
		if !errors.As(err, &l) && !strings.Contains(err.Error(), "repeated") {
			t.Errorf("%s: %v, want a LimitError", name, err)
		}
	}
}

// What is large and referred to again and again is looked at no more often than
// the limits allow: the time for it is that of a large file, and not of years.
func TestSharedLargeObjects(t *testing.T) {
	namespace, ordered := global("argparse", "Namespace"), global("collections", "OrderedDict")+")R"
	large := str("a") + "q\x000}(" + strings.Repeat("h\x00N", 50_000) + "uq\x01" // one key often
	often := func(n int) string { return "](" + strings.Repeat("h\x02", n) + "e" }
	modules := "}("
	for i := range 20_000 {
		modules += str(strconv.Itoa(i)) + "h\x01"
	}
	flagged := "](" + global("torch._utils", "_rebuild_tensor_v2") + "q\x03" + storage("FloatStorage", "0", 6) + "q\x04" +
		strings.Repeat("h\x03(h\x04K\x00))\x89}h\x01tR", 20_000) + "e"
	const entries = "more than Limits.Entries"
	megabyte := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct{ body, text string }{
		"attributes": {large + "0" + namespace + ")\x81h\x01bq\x02" + often(100_000), entries},
		"buffers":    {large + "0" + namespace + ")\x81" + dict("_buffers", "h\x01") + "bq\x02" + often(100_000), entries},
		"versions":   {large + "0" + ordered + dict("_metadata", modules+"u") + "b", entries},
		"flags":      {large + "0" + flagged, "far more than the pickle holds"},
		"value":      {large + "q\x020" + dict("v", namespace+"("+often(100_000)+"tR"), entries},
		"device":     {global("torch", "device") + tuple(str(megabyte), "K\x00") + "Rq\x020" + dict("v", namespace+"("+often(1000)+"tR"), ""},
		"number of NumPy": {global("numpy.core.multiarray", "scalar") + tuple(global("numpy", "dtype")+tuple(str("f4"))+"R",
			"B\x00\x00\x10\x00"+megabyte) + "Rq\x020" + dict("v", namespace+"("+often(1000)+"tR"), ""},
	} {
		data := zipOf(t, nil, c.body, map[string]int{"0": 24})
		start := time.Now()
		var err error
		if n := allocated(func() { err = touch(t, data) }); n > 2*136<<20 { // touch opens it twice
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(data))
		}
		if took := time.Since(start); took > 5*slowdown*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: %v, want %q", name, err, c.text)
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Nothing that a file declares is allocated before it is seen to be there.
func TestAllocation(t *testing.T) {
	const most = 1 << 20
	elements := view(storage("FloatStorage", "0", 1<<60), 0, []int{1 << 60}, []int{1})
	expanded := dict("w", view(storage("FloatStorage", "0", 1), 0, []int{1 << 58}, []int{0}))
	deflated := zipOf(t, func(h *zip.FileHeader) { h.Method = zip.Deflate }, "N", nil)
	long := bytes.Clone(deflated)
	i := bytes.LastIndex(long, []byte("a/data.pkl")) - 46
	copy(long[i+24:], "\xff\xff\xff\x03") // inflated size: 64 MiB
	repeated := "](" + str(strings.Repeat("x", 1<<16)) + "q\x00" + strings.Repeat("h\x00", 1<<16) + "e)R"
	for name, data := range map[string][]byte{
		"torch tensor of 2^60":       zipOf(t, nil, elements, map[string]int{"0": 4}),
		"expanded to 2^58":           zipOf(t, nil, expanded, map[string]int{"0": 4}),
		"inflated to 64 MiB":         long,
		"string of 1 MiB":            zipOf(t, nil, "X\x00\x00\x10\x00", nil),
		"frame":                      zipOf(t, nil, "\x95\x00\x00\x00\x10\x00\x00\x00\x00N", nil),
		"string repeated":            zipOf(t, nil, repeated, nil),
		"safetensors tensor of 2^60": safetensorsOf("{"+tensorHeader("a", "F32", "[1152921504606846976]", 0, 4)+"}", 4),
		"safetensors header":         append([]byte("\x00\x00\x00\x05\x00\x00\x00\x00{"), make([]byte, 100)...),
	} {
		var err error
		if n := allocated(func() { err = touch(t, data) }); err == nil || n > most+6*uint64(len(data)) {
			t.Errorf("%s: %d bytes allocated for %d, error %v", name, n, len(data), err)
		}
	}
}

// Opening a file and taking a tensor allocate a few bytes, not the data.
func TestLazy(t *testing.T) {
	data := zipOf(t, nil, dict("w", floats("0", 1<<20)), map[string]int{"0": 4 << 20})
	var c *loaders.Checkpoint
	n := allocated(func() {
		var err error
		if c, err = loaders.OpenBytes(data, "f"); err != nil {
			t.Fatal(err)
		}
		if x := values(t, c, "w"); x.Len() != 1<<20 {
			t.Errorf("%v", x)
		}
	})
	if n > 1<<18 {
		t.Errorf("%d bytes allocated", n)
	}
	i, _ := c.Info("w")
	if x := values(t, c, "w"); &x.Bytes()[0] != &data[i.Offset] {
		t.Error("the tensor does not share the memory of the file")
	}
	copied, err := loaders.OpenBytes(data, "f", loaders.WithCopy())
	if err != nil {
		t.Fatal(err)
	}
	if &values(t, copied, "w").Bytes()[0] == &data[i.Offset] {
		t.Error("WithCopy shares the memory of the file")
	}
}

// A broken reader, and one that has less than it says, give errors.
func TestBrokenReaders(t *testing.T) {
	data := file(t, "views.pth")
	for _, option := range [][]loaders.Option{nil, {loaders.WithCopy()}} {
		var err error
		n := allocated(func() { _, err = loaders.OpenReaderAt(bytes.NewReader(data), 1<<50, "f", option...) })
		if err == nil || n > 1<<20 {
			t.Errorf("size of 1 PiB: %v, %d bytes allocated", err, n)
		}
		typed(t, err)
		_, err = loaders.OpenReaderAt(broken{}, 1<<20, "f", option...)
		if !errors.Is(err, errBroken) {
			t.Errorf("%v, want %v", err, errBroken)
		}
		typed(t, err)
	}
	r := &breaking{Reader: bytes.NewReader(data)}
	c, err := loaders.OpenReaderAt(r, int64(len(data)), "f")
	if err != nil {
		t.Fatal(err)
	}
	r.broken = true
	if _, err := c.Tensor("offset"); !errors.Is(err, errBroken) {
		t.Errorf("%v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

type breaking struct {
	*bytes.Reader
	broken bool
}

func (b *breaking) ReadAt(p []byte, off int64) (int, error) {
	if b.broken {
		return 0, errBroken
	}
	return b.Reader.ReadAt(p, off)
}
