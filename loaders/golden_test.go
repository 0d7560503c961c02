package loaders_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// What torch and safetensors read from the files of testdata; written by
// testdata/make_checkpoints.py.
type golden struct {
	Tensors  []goldenTensor
	Ignored  []string
	Versions map[string]int
}

type goldenTensor struct {
	Key, DType, Hex string
	Shape           tensor.Shape
	Unreadable      bool
}

func goldens(t testing.TB) map[string]golden {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]golden
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if len(m) < 18 {
		t.Fatalf("golden.json has %d files", len(m))
	}
	return m
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check compares every tensor of c with what torch reads, bit for bit.
func check(t *testing.T, c *loaders.Checkpoint, want golden) {
	t.Helper()
	var keys []string
	for _, w := range want.Tensors {
		keys = append(keys, w.Key)
		info, ok := c.Info(w.Key)
		if !ok || info.Type != w.DType || !info.Shape.Equal(w.Shape) || info.Key != w.Key {
			t.Errorf("Info(%q) = %+v, %v; want %s %v", w.Key, info, ok, w.DType, w.Shape)
			continue
		}
		x, err := c.Tensor(w.Key)
		if w.Unreadable {
			var e *loaders.TypeError
			if !errors.As(err, &e) || e.Key != w.Key || e.Type != w.DType || info.DType != tensor.Invalid {
				t.Errorf("Tensor(%q): %v, want a TypeError of %s", w.Key, err, w.DType)
			}
			continue
		}
		if err != nil {
			t.Errorf("Tensor(%q): %v", w.Key, err)
			continue
		}
		bits, err := hex.DecodeString(w.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if x.DType().String() != w.DType || !x.Shape().Equal(w.Shape) || !bytes.Equal(x.Bytes(), bits) {
			t.Errorf("Tensor(%q) = %v %x, want %s %v %s", w.Key, x, x.Bytes(), w.DType, w.Shape, w.Hex)
		}
		if info.DType != x.DType() || info.Bytes != int64(len(bits)) {
			t.Errorf("Info(%q) = %+v for %v", w.Key, info, x)
		}
	}
	if !slices.Equal(c.Keys(), keys) {
		t.Errorf("keys %q, want %q", c.Keys(), keys)
	}
	if !slices.Equal(c.Ignored(), want.Ignored) {
		t.Errorf("ignored %q, want %q", c.Ignored(), want.Ignored)
	}
	for prefix, v := range want.Versions {
		if got, ok := c.Version(prefix); !ok || got != v {
			t.Errorf("Version(%q) = %d, %v, want %d", prefix, got, ok, v)
		}
	}
	if v, ok := c.Version("no such module"); ok {
		t.Errorf("Version of no such module: %d", v)
	}
}

func TestGolden(t *testing.T) {
	for name, want := range goldens(t) {
		path := filepath.Join("testdata", name)
		data := file(t, name)
		ways := map[string]func() (*loaders.Checkpoint, error){
			"mapped":   func() (*loaders.Checkpoint, error) { return loaders.Open(path) },
			"copied":   func() (*loaders.Checkpoint, error) { return loaders.Open(path, loaders.WithCopy()) },
			"embedded": func() (*loaders.Checkpoint, error) { return loaders.OpenBytes(data, name) },
			"read": func() (*loaders.Checkpoint, error) {
				return loaders.OpenReaderAt(bytes.NewReader(data), int64(len(data)), name)
			},
			"read and copied": func() (*loaders.Checkpoint, error) {
				return loaders.OpenReaderAt(bytes.NewReader(data), int64(len(data)), name, loaders.WithCopy())
			},
		}
		for way, open := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				c, err := open()
				if err != nil {
					t.Fatal(err)
				}
				check(t, c, want)
				format := "torch zip"
				if filepath.Ext(name) == ".safetensors" {
					format = "safetensors"
				}
				if c.Format() != format || filepath.Base(c.Name()) != name {
					t.Errorf("format %q, name %q", c.Format(), c.Name())
				}
			})
		}
	}
}

func open(t testing.TB, name string) *loaders.Checkpoint {
	t.Helper()
	c, err := loaders.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func values(t testing.TB, c *loaders.Checkpoint, key string) *tensor.Tensor {
	t.Helper()
	x, err := c.Tensor(key)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestMissingKey(t *testing.T) {
	c := open(t, "nested.pth")
	for key, hint := range map[string]string{
		"weight":       `; it has "model.weight": see Sub("model")`,
		"weights":      "",
		"":             "",
		"model":        "",
		"model.weight": "-",
	} {
		_, err := c.Tensor(key)
		if hint == "-" {
			if err != nil {
				t.Errorf("%q: %v", key, err)
			}
			continue
		}
		var e *loaders.KeyError
		if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Key != key {
			t.Errorf("%q: %v, want a KeyError", key, err)
		} else if want := "loaders: testdata/nested.pth: no tensor \"" + key + "\"" + hint; err.Error() != want {
			t.Errorf("%q: %v, want %s", key, err, want)
		}
		if _, ok := c.Info(key); ok {
			t.Errorf("Info of %q", key)
		}
	}
	_, err := open(t, "module_prefix.pth").Tensor("bias")
	want := `loaders: testdata/module_prefix.pth: no tensor "bias"; it has "module.bias": see StripPrefix("module.")`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSub(t *testing.T) {
	c := open(t, "nested.pth").Sub("model")
	if want := []string{"weight", "bias"}; !slices.Equal(c.Keys(), want) {
		t.Errorf("keys %q, want %q", c.Keys(), want)
	}
	if x := values(t, c, "weight"); !x.Shape().Equal(tensor.Shape{2, 3}) {
		t.Errorf("weight %v", x)
	}
	if i, ok := c.Info("bias"); !ok || i.Key != "bias" || i.Bytes != 8 {
		t.Errorf("Info of bias: %+v, %v", i, ok)
	}
	if v, ok := c.Version(""); !ok || v != 1 {
		t.Errorf("version %d, %v", v, ok)
	}
	o := open(t, "nested.pth").Sub("optimizer").Sub("state.0")
	if want := []string{"step", "exp_avg", "exp_avg_sq"}; !slices.Equal(o.Keys(), want) {
		t.Errorf("keys %q, want %q", o.Keys(), want)
	}
	if _, ok := o.Version(""); ok {
		t.Error("the state of an optimizer has a version")
	}
	if n := len(open(t, "nested.pth").Sub("mod").Keys()); n != 0 {
		t.Errorf("%d keys under a part of a name", n)
	}
	if p := open(t, "plain.pth"); p.Sub("") != p || p.StripPrefix("") != p {
		t.Error("Sub or StripPrefix of nothing changed the checkpoint")
	}
}

func TestStripPrefix(t *testing.T) {
	c := open(t, "module_prefix.pth").StripPrefix("module.")
	if want := []string{"weight", "bias"}; !slices.Equal(c.Keys(), want) {
		t.Errorf("keys %q, want %q", c.Keys(), want)
	}
	values(t, c, "bias")
	if v, ok := c.Version(""); !ok || v != 1 {
		t.Errorf("version %d, %v", v, ok)
	}
	p := open(t, "plain.pth")
	s := p.StripPrefix("bn.")
	if want := []string{"conv.weight", "conv.bias", "weight", "bias"}; !slices.Equal(s.Keys()[:4], want) {
		t.Errorf("keys %q, want %q", s.Keys()[:4], want)
	}
	if v, ok := s.Version("conv"); !ok || v != 1 { // conv stayed where it was
		t.Errorf("version of conv %d, %v", v, ok)
	}
	if v, ok := p.Version("bn"); !ok || v != 2 {
		t.Errorf("version of bn %d, %v", v, ok)
	}
	if v, ok := p.Sub("bn").Version(""); !ok || v != 2 {
		t.Errorf("version of Sub(bn) %d, %v", v, ok)
	}
	// "a.x" would become "x", which another tensor has.
	b := zipOf(t, nil, dict("a.x", floats("0", 1), "x", floats("0", 1)), map[string]int{"0": 4})
	c, err := loaders.OpenBytes(b, "taken")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.StripPrefix("a.").Keys(), []string{"a.x", "x"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

func TestMetadata(t *testing.T) {
	m := open(t, "plain.safetensors").Metadata()
	if m["format"] != "pt" || m["note"] != "made by make_checkpoints.py" || len(m) != 2 {
		t.Errorf("metadata %q", m)
	}
	if m := open(t, "plain.pth").Metadata(); m == nil || len(m) != 0 {
		t.Errorf("metadata of a torch file %q", m)
	}
}

func TestUnreadable(t *testing.T) {
	c := open(t, "unreadable.pth")
	for key, what := range map[string]struct{ kind, cure string }{
		"sparse":    {"a sparse tensor", "save t.to_dense()"},
		"meta":      {"a meta tensor, without values", "load the weights before saving"},
		"quantized": {"a quantized tensor", "save t.dequantize()"},
		"negative":  {"a view with negated values", "save t.resolve_neg()"},
	} {
		_, err := c.Tensor(key)
		want := `loaders: testdata/unreadable.pth: tensor "` + key + `" is ` + what.kind + "; readable are " +
			"float16, bfloat16, float32, float64, int8 to int64, uint8 to uint64, bool, complex64 and complex128; in Python, " + what.cure
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	values(t, c, "fine")
}

// A type that no tensor can hold is refused by name, with what to do.
func TestTypesWithoutTensor(t *testing.T) {
	for name, cure := range map[string]string{
		"float8_e4m3fn": "in Python, save t.to(torch.bfloat16)", "float8_e8m0fnu": "in Python, save t.to(torch.bfloat16)",
		"float4_e2m1fn_x2": "save it in Python as one of these", "bits8": "save it in Python as one of these",
	} {
		body := dict("w", global("torch._utils", "_rebuild_tensor_v3")+tuple(storage("UntypedStorage", "0", 24), num(0),
			nums(24), nums(1), "\x89", "N", global("torch", name))+"R")
		c, err := loaders.OpenBytes(zipOf(t, nil, body, map[string]int{"0": 24}), "f")
		if err != nil {
			t.Fatal(err)
		}
		if i, ok := c.Info("w"); !ok || i.Type != name || i.DType != tensor.Invalid || !i.Shape.Equal(tensor.Shape{24}) {
			t.Errorf("%+v", i)
		}
		_, err = c.Tensor("w")
		if e := (*loaders.TypeError)(nil); !errors.As(err, &e) || e.Type != name || !strings.HasSuffix(err.Error(), cure) {
			t.Errorf("%v, want a TypeError with %q", err, cure)
		}
	}
}

// A state_dict may keep its versions in a plain dict, too.
func TestPlainMetadata(t *testing.T) {
	ordered := global("collections", "OrderedDict") + ")R"
	metadata := dict("", dict("version", "K\x01"), "bn", ordered+str("version")+"K\x02s", "odd", "K\x07", "text", dict("version", str("2")))
	body := ordered + str("bn.weight") + floats("0", 6) + "s" + dict("_metadata", metadata) + "b"
	c, err := loaders.OpenBytes(zipOf(t, nil, body, map[string]int{"0": 24}), "f")
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]int{"": 1, "bn": 2, "odd": -1, "text": -1} {
		if v, ok := c.Version(module); ok != (want >= 0) || ok && v != want {
			t.Errorf("Version(%q) = %d, %v", module, v, ok)
		}
	}
}
