package loaders_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

var written = flag.String("written", "", "directory for the files that testdata/matrix_check.py reads")

// A writeCase is a state_dict of testdata/matrix_cases.json, whose maker says
// what the bytes are.
type writeCase struct {
	Name    string
	Tensors []struct {
		Key, DType, Of string
		Shape          tensor.Shape
		At             int
	}
	Versions map[string]int
	Metadata map[string]string
	Torch    bool // not for safetensors
}

func writeCases(t testing.TB) []writeCase {
	t.Helper()
	var cases []writeCase
	if err := json.Unmarshal(file(t, "matrix_cases.json"), &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 50 {
		t.Fatalf("%d cases", len(cases))
	}
	return cases
}

// dict makes the tensors of a case.
func (c writeCase) dict(t testing.TB) *loaders.StateDict {
	t.Helper()
	var d loaders.StateDict
	made := map[string]*tensor.Tensor{}
	for number, s := range c.Tensors {
		i := slices.IndexFunc(tensor.DTypes(), func(d tensor.DType) bool { return d.String() == s.DType })
		if i < 0 {
			t.Fatalf("%s: no type %s", c.Name, s.DType)
		}
		dtype := tensor.DTypes()[i]
		n := s.Shape.Len() * dtype.Size()
		var data []byte
		if s.Of != "" {
			data = made[s.Of].Bytes()[s.At*dtype.Size():][:n]
		} else {
			data = make([]byte, n)
			for i := range data {
				data[i] = byte(37*i + 11*number + i/251)
				if dtype == tensor.Bool {
					data[i] = 0
					if i%3 == number%3 {
						data[i] = 1
					}
				}
			}
		}
		x, err := tensor.FromBytes(dtype, s.Shape, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		made[s.Key] = x
		if !strings.HasPrefix(s.Key, "-") {
			d.Set(s.Key, x)
		}
	}
	for m, v := range c.Versions {
		d.SetVersion(m, v)
	}
	for k, v := range c.Metadata {
		d.SetMetadata(k, v)
	}
	return &d
}

// same checks that two sources have equal tensors, in any order if sorted.
func same(t testing.TB, got, want loaders.Tensors, sorted bool) {
	t.Helper()
	a, b := slices.Clone(got.Keys()), slices.Clone(want.Keys())
	if sorted {
		slices.Sort(a)
		slices.Sort(b)
	}
	if !slices.Equal(a, b) {
		t.Fatalf("keys %.300q, want %.300q", a, b)
	}
	for _, k := range b {
		x, err := got.Tensor(k)
		if err != nil {
			t.Fatal(err)
		}
		y, err := want.Tensor(k)
		if err != nil {
			t.Fatal(err)
		}
		if x.DType() != y.DType() || !x.Shape().Equal(y.Shape()) || !bytes.Equal(x.Bytes(), y.Bytes()) {
			t.Errorf("%q: %v %.40x, want %v %.40x", k, x, x.Bytes(), y, y.Bytes())
		}
	}
}

var formats = []struct {
	ext   string
	write func(io.Writer, loaders.Tensors) error
	save  func(string, loaders.Tensors) error
}{
	{".pth", loaders.WriteTorch, loaders.SaveTorch},
	{".safetensors", loaders.WriteSafetensors, loaders.SaveSafetensors},
}

func write(t testing.TB, ext string, x loaders.Tensors) []byte {
	t.Helper()
	for _, f := range formats {
		if f.ext == ext {
			var b bytes.Buffer
			if err := f.write(&b, x); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
	}
	t.Fatal(ext)
	return nil
}

func reopen(t testing.TB, data []byte) *loaders.Checkpoint {
	t.Helper()
	c, err := loaders.OpenBytes(data, "written")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The files written are those that torch and safetensors were seen to read bit
// for bit: testdata/matrix_check.py recorded their sums. To run it again, give
// the flag -written.
func TestWrittenFiles(t *testing.T) {
	var sums map[string]string
	if err := json.Unmarshal(file(t, "matrix_written.json"), &sums); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range writeCases(t) {
		for _, f := range formats {
			if c.Torch && f.ext == ".safetensors" {
				err := f.write(io.Discard, c.dict(t))
				if err == nil || !strings.Contains(err.Error(), "safetensors has no type for complex128") {
					t.Errorf("%s%s: %v", c.Name, f.ext, err)
				}
				continue
			}
			t.Run(c.Name+f.ext, func(t *testing.T) {
				d := c.dict(t)
				data := write(t, f.ext, d)
				if *written != "" {
					if err := f.save(filepath.Join(*written, c.Name+f.ext), d); err != nil {
						t.Fatal(err)
					}
				}
				sum := sha256.Sum256(data)
				if got, want := hex.EncodeToString(sum[:]), sums[c.Name+f.ext]; got != want && *written == "" {
					t.Errorf("SHA-256 %s, torch read %s", got, want)
				}
				r := reopen(t, data)
				same(t, r, d, f.ext == ".safetensors")
				// What was read gives the same file again.
				if again := write(t, f.ext, r); !bytes.Equal(again, data) {
					t.Error("written again, the file differs")
				}
				if f.ext == ".pth" {
					for m, v := range c.Versions {
						if got, ok := r.Version(m); ok != (m != "unused") || ok && got != v {
							t.Errorf("version of %q: %d, %v", m, got, ok)
						}
					}
				} else if want := c.Metadata; len(want) == 0 && r.Metadata()["format"] != "pt" {
					t.Errorf("metadata %q", r.Metadata())
				} else {
					for k, v := range want {
						if r.Metadata()[k] != v {
							t.Errorf("metadata %q, want %q", r.Metadata(), want)
						}
					}
				}
			})
			n++
		}
	}
	if n != len(sums) && *written == "" {
		t.Errorf("%d files written, torch read %d", n, len(sums))
	}
}

// Files that torch wrote say the same after they went through this package,
// in both formats; tensors that share memory share it still.
func TestRewrite(t *testing.T) {
	for name := range goldens(t) {
		c := open(t, name)
		readable := without(t, c)
		for _, f := range formats {
			if len(readable.Keys()) < len(c.Keys()) {
				var w *loaders.WriteError
				if err := f.write(io.Discard, c); !errors.As(err, &w) || w.Key == "" {
					t.Errorf("%s: written with tensors that cannot be read: %v", name, err)
				}
				same(t, reopen(t, write(t, f.ext, readable)), readable, f.ext == ".safetensors")
				continue
			}
			r := reopen(t, write(t, f.ext, c))
			same(t, r, c, f.ext == ".safetensors")
			for _, m := range []string{"", "conv", "bn", "head", "model", "module"} {
				got, _ := r.Version(m)
				if want, _ := c.Version(m); got != want && f.ext == ".pth" {
					t.Errorf("%s: version of %q is %d, want %d", name, m, got, want)
				}
			}
		}
	}
	tied := reopen(t, write(t, ".pth", open(t, "tied.pth")))
	a, b := values(t, tied, "embedding.weight").Bytes(), values(t, tied, "decoder.weight").Bytes()
	row, tail := values(t, tied, "row").Bytes(), values(t, tied, "tail").Bytes()
	if &a[0] != &b[0] || &row[0] != &a[2*16] || &tail[0] != &a[20*4] {
		t.Error("tensors that shared memory do not share it after they were written")
	}
}

// without returns c without the tensors that cannot be read.
func without(t testing.TB, c *loaders.Checkpoint) *loaders.StateDict {
	t.Helper()
	var d loaders.StateDict
	for _, k := range c.Keys() {
		if i, _ := c.Info(k); i.DType.Valid() {
			d.Set(k, values(t, c, k))
		}
	}
	return &d
}

func TestStateDict(t *testing.T) {
	var d loaders.StateDict
	if _, ok := d.Info("a"); ok || len(d.Keys()) != 0 || len(d.Metadata()) != 0 {
		t.Error("the zero StateDict is not empty")
	}
	x, y := scalar(t, 1), scalar(t, 2)
	d.Set("a", x)
	d.Set("b", x)
	d.Set("a", y)
	d.SetVersion("", 3)
	d.SetMetadata("k", "v")
	if !slices.Equal(d.Keys(), []string{"a", "b"}) {
		t.Errorf("keys %q", d.Keys())
	}
	if got, err := d.Tensor("a"); got != y || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if i, ok := d.Info("b"); !ok || i.Key != "b" || i.DType != tensor.Float32 || i.Bytes != 4 || i.Offset != -1 {
		t.Errorf("%+v, %v", i, ok)
	}
	_, err := d.Tensor("c")
	if want := `loaders: state_dict in memory: no tensor "c"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if v, ok := d.Version(""); v != 3 || !ok {
		t.Errorf("version %d, %v", v, ok)
	}
	if m := d.Metadata(); len(m) != 1 || m["k"] != "v" {
		t.Errorf("metadata %q", m)
	}
}

func scalar(t testing.TB, v float32) *tensor.Tensor {
	t.Helper()
	x, err := tensor.Of([]float32{v})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A faulty is a source that answers wrongly.
type faulty struct {
	*loaders.StateDict
	keys   []string
	info   func(loaders.Info) loaders.Info
	tensor func() (*tensor.Tensor, error)
}

func (f faulty) Keys() []string {
	if f.keys != nil {
		return f.keys
	}
	return f.StateDict.Keys()
}

func (f faulty) Info(key string) (loaders.Info, bool) {
	i, ok := f.StateDict.Info(key)
	if f.info != nil {
		i = f.info(i)
	}
	return i, ok
}

func (f faulty) Tensor(key string) (*tensor.Tensor, error) {
	if f.tensor != nil {
		return f.tensor()
	}
	return f.StateDict.Tensor(key)
}

func TestWriteErrors(t *testing.T) {
	var d loaders.StateDict
	d.Set("w", scalar(t, 1))
	key := func(k string) loaders.Tensors {
		var d loaders.StateDict
		d.Set(k, scalar(t, 1))
		return &d
	}
	metadata := key("w").(*loaders.StateDict)
	metadata.SetMetadata("\xff", "")
	info := func(change func(*loaders.Info)) func(loaders.Info) loaders.Info {
		return func(i loaders.Info) loaders.Info { change(&i); return i }
	}
	for _, c := range []struct {
		name string
		x    loaders.Tensors
		text string
		ext  string // the format that refuses it, if not both
	}{
		{"key without tensor", faulty{StateDict: &d, keys: []string{"v"}}, `tensor "v": it is among the keys`, ""},
		{"nil", func() loaders.Tensors { var d loaders.StateDict; d.Set("w", nil); return &d }(), "there is none", ""},
		{"outline", func() loaders.Tensors { var d loaders.StateDict; d.Set("w", scalar(t, 1).Outline()); return &d }(),
			"an outline", ""},
		{"key twice", faulty{StateDict: &d, keys: []string{"w", "w"}}, "two tensors have this key", ""},
		{"not UTF-8", key("\xff"), "not UTF-8", ""},
		{"no type", faulty{StateDict: &d, info: info(func(i *loaders.Info) { i.DType, i.Type = 0, "x" })},
			"a tensor of type x cannot be written", ""},
		{"no shape", faulty{StateDict: &d, info: info(func(i *loaders.Info) { i.Shape = tensor.Shape{-1} })},
			`tensor "w": tensor: shape`, ""},
		{"another type", faulty{StateDict: &d, info: info(func(i *loaders.Info) { i.DType = tensor.Int32 })},
			"it is float32 (), but was said to be int32 ()", ""},
		{"another shape", faulty{StateDict: &d, info: info(func(i *loaders.Info) { i.Shape = tensor.Shape{1} })},
			"it is float32 (), but was said to be float32 (1,)", ""},
		{"no tensor", faulty{StateDict: &d, tensor: func() (*tensor.Tensor, error) { return nil, nil }},
			"there is none", ""},
		{"broken source", faulty{StateDict: &d, tensor: func() (*tensor.Tensor, error) { return nil, errBroken }},
			`loaders: writing: tensor "w": broken`, ""},
		{"reserved", key("__metadata__"), "keeps this name", ".safetensors"},
		{"metadata not UTF-8", metadata, `metadata "\xff" is not UTF-8`, ".safetensors"},
	} {
		for _, f := range formats {
			err := f.write(io.Discard, c.x)
			if c.ext != "" && c.ext != f.ext {
				if err != nil {
					t.Errorf("%s%s: %v", c.name, f.ext, err)
				}
				continue
			}
			var w *loaders.WriteError
			if !errors.As(err, &w) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s%s: %v, want a WriteError with %q", c.name, f.ext, err, c.text)
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "model")
			if err := f.save(path, c.x); !errors.As(err, &w) || w.Name != path ||
				!strings.HasPrefix(err.Error(), "loaders: writing "+path+": ") {
				t.Errorf("%s%s: saved: %v", c.name, f.ext, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("%s%s: left behind: %v, %v", c.name, f.ext, left, err)
			}
		}
	}
}

// A full disk is an error wherever it fills up.
func TestWriteToFull(t *testing.T) {
	c := writeCases(t)[0].dict(t)
	for _, f := range formats {
		n := len(write(t, f.ext, c))
		for room := range n {
			err := f.write(&full{room: room}, c)
			var w *loaders.WriteError
			if !errors.As(err, &w) || !errors.Is(err, errBroken) {
				t.Fatalf("%s: %d of %d bytes: %v", f.ext, room, n, err)
			}
		}
		if err := f.write(&full{room: n}, c); err != nil {
			t.Errorf("%s: room for all: %v", f.ext, err)
		}
	}
}

type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	if f.room -= n; n < len(b) {
		return n, errBroken
	}
	return n, nil
}

// A panic of the caller's own source is the caller's.
func TestWritePanic(t *testing.T) {
	var d loaders.StateDict
	d.Set("w", scalar(t, 1))
	defer func() {
		if r := recover(); r != "mine" {
			t.Errorf("recovered %v", r)
		}
	}()
	dir := t.TempDir()
	defer func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}()
	err := loaders.SaveTorch(filepath.Join(dir, "x"), faulty{StateDict: &d,
		tensor: func() (*tensor.Tensor, error) { panic("mine") }})
	t.Error("no panic", err)
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	if err := loaders.SaveTorch(filepath.Join(dir, "none", "x"), &loaders.StateDict{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	// A file may be replaced by what is read from it.
	path := filepath.Join(dir, "model")
	if err := os.WriteFile(path, file(t, "plain.pth"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := open(t, "plain.pth")
	for n, save := range []func(string, loaders.Tensors) error{
		loaders.SaveSafetensors, loaders.SaveTorch, loaders.SaveTorch,
	} {
		c, err := loaders.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := save(path, c); err != nil {
			t.Fatal(err)
		}
		if c, err = loaders.Open(path); err != nil {
			t.Fatal(err)
		}
		same(t, c, want, true)
		if format := []string{"safetensors", "torch zip", "torch zip"}[n]; c.Format() != format {
			t.Errorf("format %s, want %s", c.Format(), format)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func ExampleSaveTorch() {
	var weights loaders.StateDict
	w, err := tensor.Of([]float32{5}, 1, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	weights.Set("fc.weight", w)
	path := filepath.Join(os.TempDir(), "argand-five.pth")
	defer os.Remove(path)
	if err := loaders.SaveTorch(path, &weights); err != nil { // torch.load(path, weights_only=True)
		fmt.Println(err)
		return
	}
	c, err := loaders.Open(path) // any checkpoint can be written in the other format
	if err != nil {
		fmt.Println(err)
		return
	}
	err = loaders.WriteSafetensors(io.Discard, c)
	fmt.Println(c.Format(), c.Keys(), err)
	// Output: torch zip [fc.weight] <nil>
}
