package loaders_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
)

// touch opens data in both ways and takes every tensor and every other value.
// It returns the first error; a panic fails the test by itself.
func touch(t testing.TB, data []byte, opts ...loaders.Option) error {
	t.Helper()
	var first error
	for _, embedded := range []bool{true, false} {
		c, err := loaders.OpenBytes(data, "f", opts...)
		if !embedded {
			c, err = loaders.OpenReaderAt(bytes.NewReader(data), int64(len(data)), "f", opts...)
		}
		if err == nil {
			err = takeAll(t, c)
		}
		if first == nil {
			first = err
		}
		if (err == nil) != (first == nil) {
			t.Errorf("OpenBytes and OpenReaderAt disagree: %v, %v", first, err)
		}
		typed(t, err)
	}
	return first
}

// takeAll takes every tensor and every other value, and returns the first
// error.
func takeAll(t testing.TB, c *loaders.Checkpoint) (err error) {
	t.Helper()
	for _, k := range c.Keys() {
		if _, ok := c.Info(k); !ok {
			t.Errorf("no Info of %q", k)
		}
		if _, e := c.Tensor(k); err == nil {
			err = e
		}
	}
	for _, k := range c.Ignored() {
		if _, e := c.Value(k); err == nil {
			err = e
		}
	}
	return err
}

// typed checks that an error is one of the package's and names the file.
func typed(t testing.TB, err error) {
	t.Helper()
	var f *loaders.FormatError
	var g *loaders.GlobalError
	var l *loaders.LimitError
	var k *loaders.KeyError
	var y *loaders.TypeError
	if err != nil && !errors.As(err, &f) && !errors.As(err, &g) && !errors.As(err, &l) &&
		!errors.As(err, &k) && !errors.As(err, &y) {
		t.Errorf("untyped error %T: %v", err, err)
	}
	if err != nil && !strings.HasPrefix(err.Error(), "loaders: ") {
		t.Errorf("error does not say whose it is: %v", err)
	}
}

func TestTruncated(t *testing.T) {
	for _, name := range []string{"special_f16.pth", "deflated.pth", "protocol4.pth", "plain.safetensors"} {
		data := file(t, name)
		for n := range len(data) {
			if err := touch(t, data[:n:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes opens without error", name, n, len(data))
			}
		}
		if err := touch(t, append(bytes.Clone(data), 0)); name == "plain.safetensors" && err == nil {
			t.Errorf("%s with a byte more opens without error", name)
		}
	}
}

func TestBitFlips(t *testing.T) {
	for _, name := range []string{"special_f16.pth", "small.pth", "deflated.pth", "plain.safetensors"} {
		data, refused := file(t, name), 0
		for i := range data {
			for _, bit := range []int{i % 8, (i + 3) % 8} { // all eight take four times as long
				data[i] ^= 1 << bit
				if touch(t, data) != nil {
					refused++
				}
				data[i] ^= 1 << bit
			}
		}
		if refused < len(data)/4 {
			t.Errorf("%s: %d of %d flips refused", name, refused, 2*len(data))
		}
	}
}

// want is a hostile or foreign file, and what its error must say.
type want struct {
	name string
	data []byte
	text string
}

func refuse(t *testing.T, cases []want) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := touch(t, c.data)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want one with %q", err, c.text)
			}
			if err != nil && strings.Contains(err.Error(), "runtime error") && c.text != "hash of unhashable" {
				t.Errorf("a panic was recovered: %v", err)
			}
		})
	}
}

func TestForeign(t *testing.T) {
	refuse(t, []want{
		{"empty", nil, "empty file"},
		{"one byte", []byte("P"), "neither a file of torch.save"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid"), "git lfs pull"},
		{"html", []byte("<!DOCTYPE html>"), "download went wrong"},
		{"index", []byte(`{"weight_map": {"a": "b"}}`), "if it is an index of shards, open it by its path"},
		{"gguf", []byte("GGUF\x03\x00\x00\x00"), "GGUF"},
		{"pickle", []byte("\x80\x04N."), "a pickle that torch.save did not write"},
		{"empty zip", []byte("PK\x05\x06" + strings.Repeat("\x00", 18)), "empty zip"},
		{"TorchScript", file(t, "script.pth"), "TorchScript"},
	})
	dir := t.TempDir()
	if _, err := loaders.Open(dir); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("directory: %v", err)
	}
	if _, err := loaders.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	empty := filepath.Join(dir, "empty.pth")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loaders.Open(empty); err == nil || err.Error() != "loaders: "+empty+": byte 0: empty file" {
		t.Errorf("empty file: %v", err)
	}
	if _, err := loaders.OpenReaderAt(bytes.NewReader(nil), -1, "f"); err == nil {
		t.Error("a negative size opens without error")
	}
}

func TestGlobals(t *testing.T) {
	_, err := loaders.Open("testdata/evil.pth")
	var g *loaders.GlobalError
	if !errors.As(err, &g) || g.Module != "posix" || g.Global != "system" || g.Offset <= 0 {
		t.Errorf("%v, want a GlobalError of posix.system", err)
	}
	if !strings.Contains(err.Error(), "Trying to load unsupported GLOBAL posix.system whose module posix is blocked.") {
		t.Errorf("not torch's words: %v", err)
	}
	_, err = loaders.Open("testdata/whole_module.pth")
	if !errors.As(err, &g) || g.Module != "torch.nn.modules.linear" || g.Global != "Linear" ||
		!strings.Contains(err.Error(), "Unsupported global: GLOBAL torch.nn.modules.linear.Linear "+
			"was not an allowed global by default. ") || !strings.Contains(err.Error(), "torch.save(model.state_dict()") {
		t.Errorf("%v, want a GlobalError of Linear", err)
	}
	stack := func(module, name string) string {
		return "\x8c" + string(rune(len(module))) + module + "\x8c" + string(rune(len(name))) + name + "\x93"
	}
	for _, body := range []string{
		global("os", "system"), global("builtins", "eval"), global("builtins", "list"), global("builtins", "dict"),
		global("copy_reg", "_reconstructor"), global("__builtin__", "object"), global("array", "_array_reconstructor"),
		global("collections", "OrderedDict.fromkeys"), global("torch", "load"), global("torch.cuda", "Size"),
		global("torch.storage", "FloatStorage"), global("", ""), global("torch.nn.parameter", "UninitializedParameter"),
		stack("builtins", "getattr"), stack("array", "_array_reconstructor"),
		stack("builtins", "list") + "0N", // even when it is thrown away
		str("array") + "q\x05" + str("x") + "00h\x05" + str("_array_reconstructor") + "\x93",
	} {
		_, err := loaders.OpenBytes(zipOf(t, nil, body, nil), "f")
		if !errors.As(err, &g) {
			t.Errorf("%q: %v, want a GlobalError", body, err)
		}
	}
	for _, body := range []string{
		global("collections", "OrderedDict") + ")R", global("torch", "Tensor"), global("torch.cuda", "HalfStorage"),
		global("__builtin__", "set") + "(](K\x01K\x02etR", stack("torch", "float16"), global("torch", "qint8"),
		global("torch.nn.parameter", "Parameter"), global("torch.sparse", "FloatTensor"),
	} {
		if _, err := loaders.OpenBytes(zipOf(t, nil, body, nil), "f"); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestHostilePickles(t *testing.T) {
	od := global("collections", "OrderedDict") + ")R"
	var cases []want
	for _, c := range []struct{ name, body, text string }{
		{"no end", "", "STOP on an empty stack"},
		{"STOP in MARK", "N(N", "STOP inside a MARK"},
		{"PROTO 6", "\x80\x06N", "pickle protocol 6"},
		{"UNICODE with an escape", "Va\\u0041\n", "UNICODE with an escape"},
		{"STRING with an escape", "S'a\\n'\n", "STRING with an escape"},
		{"STRING without quotes", "Sabc\n", "STRING without quotes"},
		{"STRING of one quote", "S'\n", "STRING without quotes"},
		{"STRING without end", "S'abc'", "unterminated line"},
		{"FLOAT of letters", "Fabc\n", "FLOAT of something else"},
		{"GET of letters", "Np0\ngx\n", "GET of something else"},
		{"GET of memo 2^32", "Np0\ng4294967296\n", "GET of something else"},
		{"PUT of -1", "Np-1\n", "PUT of something else"},
		{"PERSID", "P0\n", "opcode 0x50 is not allowed"},
		{"INST", "(iposix\nsystem\n", "Trying to load unsupported GLOBAL posix.system"},
		{"INST without MARK", "itorch\nSize\n", "INST without MARK"},
		{"INST of a marker", "(itorch\nTensor\n", "Can only create new object"},
		{"OBJ", "(" + global("torch", "Tensor") + "o", "Can only create new object"},
		{"OBJ of nothing", "(o", "OBJ without class"},
		{"NEWOBJ", global("torch", "Tensor") + ")\x81", "Trying to call reduce for unrecognized function"},
		{"NEWOBJ of a number", "K\x01)\x81", "Trying to call reduce for unrecognized function"},
		{"NEWOBJ_EX", global("torch", "Tensor") + ")}\x92", "Can only create new object"},
		{"NEWOBJ_EX of nothing", ")}\x92", "NEWOBJ_EX on an empty stack"},
		{"Parameter of a number", global("torch.nn.parameter", "Parameter") + "(K\x01t\x81", "something else than a tensor"},
		{"Parameter of nothing", global("torch.nn.parameter", "Parameter") + ")\x81", "a parameter of 0 arguments"},
		{"LONG4 of 2 GiB", "\x8b\x00\x00\x00\x80", "LONG4 of 2147483648 bytes"},
		{"LONG4 of 5000 bytes", "\x8b\x88\x13\x00\x00" + strings.Repeat("\x01", 5000), "LONG4 of 5000 bytes"},
		{"EXT1", "\x82\x01", "not allowed"},
		{"opcode 255", "\xff", "not allowed"},
		{"string beyond the end", "X\xff\xff\x00\x00abc", "truncated pickle: BINUNICODE of 65535 bytes"},
		{"string of 4 GiB", "X\xff\xff\xff\xff", "Limits.StringBytes"},
		{"bytes of 2^63", "\x8e" + strings.Repeat("\xff", 8), "Limits.StringBytes"},
		{"bytearray of 2^60", "\x96\x00\x00\x00\x00\x00\x00\x00\x10", "Limits.StringBytes"},
		{"frame of 2^62", "\x95\x00\x00\x00\x00\x00\x00\x00\x40N", "FRAME of 4611686018427387904 bytes"},
		{"frame in a frame",
			"\x95\x0a\x00\x00\x00\x00\x00\x00\x00\x95\x00\x00\x00\x00\x00\x00\x00\x00N", "FRAME inside a frame"},
		{"string over a frame's end", "\x95\x03\x00\x00\x00\x00\x00\x00\x00U\x04abcd", "crosses the end of a frame"},
		{"INT of letters", "Iabc\n", "INT of something else than digits"},
		{"INT of nothing", "I\n", "INT of 0 digits"},
		{"LONG of 400 digits", "L" + strings.Repeat("1", 400) + "L\n", "LONG of 400 digits"},
		{"INT without end", "I123", "unterminated line"},
		{"GLOBAL without end", "ctorch", "unterminated line"},
		{"memo not set", "h\x07", "BINGET of memo 7, which is not set"},
		{"memo 2^32-1", "j\xff\xff\xff\xff", "which is not set"},
		{"PUT of nothing", "q\x00N", "BINPUT on an empty stack"},
		{"PUT behind a MARK", "N(q\x00t", "BINPUT on an empty stack"},
		{"POP of nothing", "0N", "POP on an empty stack"},
		{"DUP of nothing", "2", "DUP on an empty stack"},
		{"POP over a MARK", "N(0", "POP on an empty stack"},
		{"TUPLE without MARK", "Nt", "TUPLE without MARK"},
		{"odd dict", "(Nd", "DICT of a key without value"},
		{"odd SETITEMS", "}(Nu", "SETITEMS of a key without value"},
		{"APPENDS to nothing", "(Ne", "APPENDS on an empty stack"},
		{"APPENDS to a number", "K\x01(Ne", "APPEND requires List"},
		{"SETITEM of a number", "K\x01NNs", "SETITEM requires DictSetter"},
		{"ADDITEMS to a list", "](N\x90", "ADDITEMS requires SetAdder"},
		{"REDUCE of a list", "])R", "Trying to call reduce for unrecognized function"},
		{"REDUCE of a class", global("torch", "FloatStorage") + ")R", "Trying to call reduce"},
		{"REDUCE without tuple", global("torch", "Size") + "]R", "REDUCE args must be *Tuple"},
		{"OrderedDict of a number", global("collections", "OrderedDict") + "K\x01\x85R", "something else than a list"},
		{"OrderedDict of numbers", global("collections", "OrderedDict") + "](K\x01e\x85R", "something else than pairs"},
		{"OrderedDict of three", global("collections", "OrderedDict") + "](](NNNee\x85R", "something else than pairs"},
		{"OrderedDict of two", global("collections", "OrderedDict") + "]]\x86R", "something else than a list"},
		{"OrderedDict of a list, named on the stack",
			"\x8c\x0bcollections\x8c\x0bOrderedDict\x93]\x85R", "OrderedDict with arguments"},
		{"OrderedDict of unhashable keys", global("collections", "OrderedDict") + "](]C\x01aaNae\x85R", "damaged"},
		{"encode to utf-8", global("_codecs", "encode") + tuple(str("a"), str("utf-8")) + "R", "something else than latin1"},
		{"encode of wide text", global("_codecs", "encode") + tuple(str("€"), str("latin1")) + "R", "is not in latin1"},
		{"OrderedDict of one list, often", "](" + strings.Repeat("]q\x01(K\x01Ne", 1000) + "eq\x00" + od + "0" +
			strings.Repeat(global("collections", "OrderedDict")+"h\x00\x85R0", 100), "far more than the pickle holds"},
		{"bytes of a list", global("__builtin__", "bytes") + "]\x85R", "bytes of something"},
		{"BUILD of a tensor", view("N", 0, nil, nil) + "}b", "BUILD of something else"},
		{"Parameter of two states", global("torch.nn.parameter", "Parameter") + "(" + floats("0", 1) + "t\x81NN\x86b",
			"a tensor of an unknown state"},
		{"SETITEM of a torch.Size", global("torch", "Size") + ")RK\x01Ns", "SETITEM to something else than a dict"},
		{"APPEND to a set", global("builtins", "set") + ")RNa", "APPEND to something else"},
		{"NumPy type without name", global("numpy", "dtype") + ")R", "a NumPy type without name"},
		{"NumPy type of a list", global("numpy", "dtype") + tuple(str("f4")) + "R]b", "NumPy type of an unknown state"},
		{"NumPy array of a list", global("numpy.core.multiarray", "_reconstruct") + ")R]b", "array of an unknown state"},
		{"NumPy array without type", global("numpy.core.multiarray", "_reconstruct") + ")R" +
			tuple("K\x01", nums(1), "N", "\x89", "C\x04abcd") + "b", "a NumPy array without type"},
		{"NumPy array too short", global("numpy.core.multiarray", "_reconstruct") + ")R" +
			tuple("K\x01", nums(2), global("numpy", "dtype")+tuple(str("f4"))+"R", "\x89", "C\x04abcd") + "b",
			"shape (2,) and type float32 in 4 bytes"},
		{"NumPy array too long", global("numpy.core.multiarray", "_reconstruct") + ")R" +
			tuple("K\x01", nums(1), global("numpy", "dtype")+tuple(str("i2"))+"R", "\x89", "C\x04abcd") + "b",
			"shape (1,) and type int16 in 4 bytes"},
		{"NumPy array of 2^60", global("numpy._core.multiarray", "_reconstruct") + ")R" +
			tuple("K\x01", nums(1<<60, 1<<60), global("numpy", "dtype")+tuple(str("i2"))+"R", "\x89", "C\x04abcd") + "b",
			"memory can address"},
		{"BUILD of a list", "]}b", "BUILD of something else"},
		{"BUILD with a number as key", od + "}K\x01Nsb", "damaged pickle"},
		{"bytes as key", od + "C\x01aNs", "hash of unhashable"},
		{"STACK_GLOBAL of numbers", "K\x01K\x02\x93", "STACK_GLOBAL of computed names"},
		{"STACK_GLOBAL of bytes", "C\x01aC\x01b\x93", "STACK_GLOBAL of computed names"},
		{"persistent id of a string", str("storage") + "Q", "persistent id"},
		{"persistent id of two parts", tuple(str("storage"), "N") + "Q", "persistent id"},
		{"module as persistent id", tuple(str("module"), "N", "N", "N", "N") + "Q", "persistent id"},
		{"storage without class", tuple(str("storage"), "N", str("0"), str("cpu"), num(1)) + "Q", "without class"},
		{"storage of -1", storage("FloatStorage", "0", -1), "a storage without class, key or count"},
		{"tensor without arguments", global("torch._utils", "_rebuild_tensor_v2") + ")R", "a tensor of 0 arguments"},
		{"parameter without arguments", global("torch._utils", "_rebuild_parameter") + ")R", "a parameter of 0"},
		{"tensor with attributes in itself", strings.Repeat(global("torch._tensor", "_rebuild_from_type_v2")+"(", 2) +
			"NNNtNNtR", "a tensor with attributes"},
	} {
		cases = append(cases, want{c.name, zipOf(t, nil, c.body, nil), c.text})
	}
	refuse(t, cases)
	// A list in the place of a key is no string: it is listed, not walked.
	c, err := loaders.OpenBytes(zipOf(t, nil, "}]Ns", nil), "f")
	if err != nil || len(c.Ignored()) != 1 || c.Ignored()[0] != "?" {
		t.Errorf("a dict with a list as key: %v, %v", c, err)
	}
}

func TestHostileTensors(t *testing.T) {
	s := storage("FloatStorage", "0", 6)
	const big = 1 << 60
	var cases []want
	for _, c := range []struct{ name, body, text string }{
		{"beyond the storage", view(s, 1, []int{2, 3}, []int{3, 1}), "reaches element 6 of a storage of 6"},
		{"stride beyond", view(s, 0, []int{2, 2}, []int{5, 1}), "reaches element 6"},
		{"offset beyond", view(s, 6, []int{}, []int{}), "reaches element 6"},
		{"negative offset", view(s, -1, []int{1}, []int{1}), "offset -1"},
		{"negative stride", view(s, 5, []int{2}, []int{-1}), "stride -1"},
		{"negative extent", view(s, 0, []int{-2}, []int{1}), "no negative extent"},
		{"2^60 elements", view(s, 0, []int{big}, []int{0}), "memory can address"},
		{"product of 2^120", view(s, 0, []int{big, big}, []int{0, 0}), "memory can address"},
		{"product of 2^64", view(s, 0, []int{1 << 32, 1 << 32}, []int{0, 0}), "memory can address"},
		{"2^58 expanded", view(s, 0, []int{1 << 58}, []int{0}), "Limits.Gathered"},
		{"reach of 2^63", view(s, 0, []int{3, 3}, []int{1 << 62, 1 << 62}), "reaches beyond 64 bits"},
		{"offset and reach of 2^63", view(s, math.MaxInt, []int{2}, []int{1}), "reaches beyond 64 bits"},
		{"two extents, one stride", view(s, 0, []int{1, 1}, []int{1}), "2 extents but 1 strides"},
		{"65 axes", view(s, 0, make([]int, 65), make([]int, 65)), "Limits.Dims"},
		{"shape of None", global("torch._utils", "_rebuild_tensor_v2") +
			tuple(s, num(0), "(Nt", nums(1)) + "R", "shape: not a whole number"},
		{"shape of a list", global("torch._utils", "_rebuild_tensor_v2") +
			tuple(s, num(0), "]", nums(1)) + "R", "shape: not a tuple"},
		{"no storage", view("N", 0, []int{1}, []int{1}), "no storage"},
		{"no such entry", floats("7", 6), `no entry "a/data/7"`},
		{"entry elsewhere", floats("../data.pkl", 6), "no entry"},
		{"fewer elements than the entry", floats("0", 5), "has 5 elements of float32, its entry 24 bytes"},
		{"more elements than the entry", floats("0", 7), "has 7 elements of float32, its entry 24 bytes"},
		{"2^60 elements in the entry", floats("0", big), "its entry 24 bytes"},
		{"wider type", view(storage("DoubleStorage", "0", 6), 0, []int{6}, []int{1}), "6 elements of float64"},
		{"no whole number of elements", view(storage("DoubleStorage", "1", 1), 0, []int{1}, []int{1}), "entry 9 bytes"},
		{"bytes as elements", view(storage("UntypedStorage", "0", 24), 0, []int{1}, []int{1}), "no element type"},
		{"v3 without dtype", global("torch._utils", "_rebuild_tensor_v3") +
			tuple(s, num(0), nums(6), nums(1), "\x89", "N", "N") + "R", "a tensor without dtype"},
		{"v3 of a wider dtype", global("torch._utils", "_rebuild_tensor_v3") +
			tuple(s, num(0), nums(6), nums(1), "\x89", "N", global("torch", "float64")) + "R",
			"reaches element 5 of a storage of 3"},
	} {
		body := dict("first", floats("2", 1), "layer.weight", c.body)
		data := zipOf(t, nil, body, map[string]int{"0": 24, "1": 9, "2": 4})
		cases = append(cases, want{c.name, data, c.text})
		if err := touch(t, data); err != nil && !strings.Contains(err.Error(), `"layer.weight"`) &&
			!strings.Contains(err.Error(), "without dtype") {
			t.Errorf("%s: the error does not name the tensor: %v", c.name, err)
		}
	}
	twice := dict("a", floats("0", 6), "b", view(storage("IntStorage", "0", 6), 0, []int{6}, []int{1}))
	cases = append(cases,
		want{"two types of one storage", zipOf(t, nil, twice, map[string]int{"0": 24}), "declared twice"},
		want{"two tensors of one key", zipOf(t, nil, dict("a.b", floats("0", 6), "a", dict("b", floats("0", 6))),
			map[string]int{"0": 24}), `tensor "a.b": damaged: two tensors have this dotted key`},
		want{"bool of 2", zipOf(t, nil, dict("flags", view(storage("BoolStorage", "0", 3), 0, []int{3}, []int{1})),
			map[string]int{"0": 3}), `tensor "flags": tensor: element 2 of a bool tensor is 0x2`})
	refuse(t, cases)
	// Of a key that occurs twice, Python's dict keeps the last value.
	c, err := loaders.OpenBytes(zipOf(t, nil, dict("a", floats("0", 2), "b", "N", "a", floats("1", 1)),
		map[string]int{"0": 8, "1": 4}), "f")
	if err != nil || len(c.Keys()) != 1 || values(t, c, "a").Len() != 1 {
		t.Errorf("dict with a key twice: %v, %v", c, err)
	}
}

func TestHostileArchives(t *testing.T) {
	body := dict("w", floats("0", 6))
	good := zipOf(t, nil, body, map[string]int{"0": 24})
	if err := touch(t, good); err != nil {
		t.Fatal(err)
	}
	named := func(names ...string) []byte {
		var buf bytes.Buffer
		z := zip.NewWriter(&buf)
		for _, n := range names {
			w, err := z.Create(n)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, pkl("N")); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	// patch changes the directory's entry of a member: fields at their offsets from its signature.
	patch := func(name string, at int, b ...byte) []byte {
		data := bytes.Clone(good)
		i := bytes.LastIndex(data, []byte(name)) - 46
		if i < 0 || string(data[i:i+4]) != "PK\x01\x02" {
			t.Fatal("no directory entry of " + name)
		}
		copy(data[i+at:], b)
		return data
	}
	refuse(t, []want{
		{"duplicate", named("a/data.pkl", "a/data.pkl"), "a/data.pkl: entry occurs twice"},
		{"outside", named("a/data.pkl", "evil/data/0"), "evil/data/0: entry outside the directory"},
		{"no directory", named("data.pkl"), "whose entries lie in no directory"},
		{"no pickle", named("a/x", "a/y"), "without data.pkl"},
		{"NumPy", named("w.npy", "b.npy"), "an archive of NumPy arrays"},
		{"NumPy with directories", named("layer1/w.npy"), "numpy.load"},
		{"torch.export", named("x/data/weights/weight_0", "x/models/model.json", "x/archive_format"), "torch.export.load"},
		{"torch.package", named("x/.data/0.storage", "x/model/m.pkl", "x/.data/extern_modules"), "torch.package"},
		{"Keras", named("metadata.json", "config.json", "model.weights.h5"), "Keras"},
		{"TorchScript", named("a/data.pkl", "a/constants.pkl"), "TorchScript"},
		{"method 12", patch("a/data/0", 10, 12, 0), "compression method 12"},
		{"encrypted", patch("a/data/0", 8, 1), "encrypted"},
		{"stored sizes differ", patch("a/data/0", 24, 23), "stored entry of 24 bytes that should be 23"},
		{"compressed size beyond the file", patch("a/data/0", 20, 0xff, 0xff, 0xff, 0x7f), "truncated file"},
		{"offset beyond the file", patch("a/data/0", 42, 0xff, 0xff, 0xff, 0x7f), "loaders: f: "},
		{"offset of another entry", patch("a/data/0", 42, 5), "damaged entry"},
		{"deflate that is none", patch("a/data.pkl", 10, 8, 0), "a/data.pkl: "},
		{"inflates to 4 GiB", patch("a/data.pkl", 8, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff),
			"more than 67108864"},
	})
	bomb := zipOf(t, func(h *zip.FileHeader) { h.Method = zip.Deflate }, body, map[string]int{"0": 24})
	if err := touch(t, bomb); err != nil {
		t.Errorf("deflated: %v", err)
	}
}
