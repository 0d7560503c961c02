package loaders_test

import (
	"bytes"
	"errors"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

func inert(t *testing.T, body string) *loaders.Checkpoint {
	t.Helper()
	c, err := loaders.OpenBytes(zipOf(t, nil, body, map[string]int{"0": 24}), "f", loaders.WithInert())
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return c
}

// What torch refuses to load runs nothing here either, and can be looked at.
func TestInert(t *testing.T) {
	c, err := loaders.Open("testdata/evil.pth", loaders.WithInert())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/tmp/argand_evil"); err == nil {
		t.Fatal("the file was obeyed")
	}
	values(t, c, "a")
	v, err := c.Value("evil")
	want := &loaders.Opaque{Module: "posix", Name: "system", Args: []any{"echo this must never run > /tmp/argand_evil"},
		Items: []any{}}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("%+v, %v", v, err)
	}
	if s := want.String(); s != "posix.system(…)" {
		t.Errorf("%s", s)
	}
	var evil []string
	for _, g := range c.Globals() {
		if !g.Allowed {
			evil = append(evil, g.String())
		}
	}
	if want := []string{"posix.system"}; !slices.Equal(evil, want) || len(c.Globals()) < 3 {
		t.Errorf("globals %v", c.Globals())
	}
	if _, err := c.Value("a"); !errors.As(err, new(*loaders.KeyError)) {
		t.Errorf("the value of a tensor: %v", err)
	}
}

func TestGlobalsOf(t *testing.T) {
	var got []string
	for _, g := range open(t, "small.pth").Globals() {
		got = append(got, g.String())
		if !g.Allowed {
			t.Errorf("%v is not allowed", g)
		}
	}
	want := []string{"torch._utils._rebuild_tensor_v2", "torch.FloatStorage", "collections.OrderedDict",
		"torch.LongStorage", "torch.BoolStorage"}
	if !slices.Equal(got, want) {
		t.Errorf("globals %q, want %q", got, want)
	}
	if g := open(t, "plain.safetensors").Globals(); len(g) != 0 {
		t.Errorf("globals of safetensors: %v", g)
	}
}

// Every way in which protocols 0 to 5 make an object gives an Opaque.
func TestObjects(t *testing.T) {
	class := global("lib.model", "Thing.Part")
	attributes := dict("x", "K\x07")
	for name, body := range map[string]string{
		"REDUCE":                    class + "(K\x01tR" + attributes + "b",
		"NEWOBJ":                    class + "(K\x01t\x81" + attributes + "b",
		"OBJ":                       "(" + class + "K\x01o" + attributes + "b",
		"INST":                      "(K\x01ilib.model\nThing.Part\n" + attributes + "b",
		"STACK_GLOBAL":              str("lib.model") + str("Thing.Part") + "\x93K\x01\x85R" + attributes + "b",
		"copyreg.__newobj__":        global("copyreg", "__newobj__") + "(" + class + "K\x01tR" + attributes + "b",
		"copy_reg.__newobj__":       global("copy_reg", "__newobj__") + "(" + class + "K\x01tR" + attributes + "b",
		"the class from a memo":     class + "q\x000h\x00K\x01\x85R" + attributes + "b",
		"the class in a tuple":      class + "q\x00K\x00\x860h\x00K\x01\x85R" + attributes + "b",
		"what a function returned":  class + ")RK\x01\x85R" + attributes + "b",
		"a state set a second time": class + "(K\x01tR}b" + attributes + "b",
	} {
		v, err := inert(t, dict("o", body)).Value("o")
		want := &loaders.Opaque{Module: "lib.model", Name: "Thing.Part", Args: []any{1},
			State: []loaders.Item{{Key: "x", Value: 7}}, Items: []any{}}
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	for name, c := range map[string]struct {
		body string
		want loaders.Opaque
	}{
		"NEWOBJ_EX": {class + "(K\x01t" + dict("k", "K\x02") + "\x92",
			loaders.Opaque{Args: []any{1, []loaders.Item{{Key: "k", Value: 2}}}}},
		"_reconstructor":   {global("copyreg", "_reconstructor") + "(" + class + global("builtins", "object") + "NtR", loaders.Opaque{}},
		"_reconstructor 2": {global("copy_reg", "_reconstructor") + "(" + class + global("__builtin__", "object") + "NtR", loaders.Opaque{}},
		"list":             {class + ")\x81(K\x01K\x02e", loaders.Opaque{Items: []any{1, 2}}},
		"set":              {class + ")\x81(K\x01K\x02\x90", loaders.Opaque{Items: []any{1, 2}}},
		"state with slots": {class + ")\x81(}N\x86b0" + class + ")\x81", loaders.Opaque{}},
	} {
		if name == "state with slots" {
			c.body = class + ")\x81N" + attributes + "\x86b"
			c.want.State = []any{nil, []loaders.Item{{Key: "x", Value: 7}}}
		}
		c.want.Module, c.want.Name = "lib.model", "Thing.Part"
		if c.want.Args == nil {
			c.want.Args = []any{}
		}
		if c.want.Items == nil {
			c.want.Items = []any{}
		}
		v, err := inert(t, dict("o", c.body)).Value("o")
		if err != nil || !reflect.DeepEqual(v, &c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, v, err, c.want)
		}
	}
	// What is derived from dict is walked like one.
	d := inert(t, dict("d", global("collections", "defaultdict")+global("builtins", "list")+"\x85R"+str("w")+floats("0", 6)+"s"))
	if !slices.Equal(d.Keys(), []string{"d.w"}) {
		t.Errorf("keys %q", d.Keys())
	}
	// gopickle's machine must not make what it knows by itself.
	for _, body := range []string{
		global("array", "_array_reconstructor") + "(NNNNtR", global("__builtin__", "object") + ")R",
	} {
		if v, err := inert(t, dict("o", body)).Value("o"); err != nil || reflect.TypeOf(v) != reflect.TypeFor[*loaders.Opaque]() {
			t.Errorf("%q: %v, %v", body, v, err)
		}
	}
	for _, body := range []string{
		str("array") + str("_array_reconstructor") + "\x93", str("copy_reg") + str("_reconstructor") + "\x93",
		str("\x01rray") + str("_array_reconstructor") + "\x93", global("\x01opy_reg", "_reconstructor"),
	} {
		_, err := loaders.OpenBytes(zipOf(t, nil, body, nil), "f", loaders.WithInert())
		if !errors.As(err, new(*loaders.GlobalError)) {
			t.Errorf("%q: %v, want a GlobalError", body, err)
		}
	}
	for _, body := range []string{
		global("copyreg", "_reconstructor") + "(" + global("copyreg", "_reconstructor") + "NNtR",
		global("copyreg", "__newobj__") + ")R", global("copyreg", "__newobj__") + "(K\x01tR",
		global("builtins", "list") + ")R", "K\x01)R",
	} {
		_, err := loaders.OpenBytes(zipOf(t, nil, body, nil), "f", loaders.WithInert())
		if !errors.As(err, new(*loaders.FormatError)) {
			t.Errorf("%q: %v, want a FormatError", body, err)
		}
	}
}

// A parameter of a version before 0.4 has a state; one made of an object that
// nobody knows is listed, and refused by name.
func TestParameters(t *testing.T) {
	parameter, variable := global("torch.nn.parameter", "Parameter"), global("torch.autograd.variable", "Variable")
	od := global("collections", "OrderedDict") + ")R"
	for _, class := range []string{parameter, variable} {
		c := inert(t, dict("p", class+"("+floats("0", 6)+"tR(\x88\x89"+od+"tb"))
		if x := values(t, c, "p"); x.Len() != 6 {
			t.Errorf("%v", x)
		}
	}
	b := zipOf(t, nil, dict("p", parameter+"("+floats("0", 6)+"\x88t\x81"), map[string]int{"0": 24})
	if c, err := loaders.OpenBytes(b, "f"); err != nil || !slices.Equal(c.Keys(), []string{"p"}) {
		t.Errorf("NEWOBJ of a Parameter: %v", err)
	}
	c := inert(t, dict("p", parameter+"("+global("lib", "Quantized")+")RtR"))
	_, err := c.Tensor("p")
	if e := (*loaders.TypeError)(nil); !errors.As(err, &e) || e.Key != "p" || e.Type != "of a tensor subclass" {
		t.Errorf("%v", err)
	}
}

func TestValues(t *testing.T) {
	c := open(t, "nested.pth")
	huge := new(big.Int).Lsh(big.NewInt(1), 70)
	for key, want := range map[string]any{
		"epoch": 3, "best": 0.5, "args.lr": 0.1, "args.name": "five", "args.sizes.0": 1, "args.flags.0": true,
		"args.flags.1": nil, "args.flags.2": huge, "bytes": []byte{0, 255}, "array": []byte("ab"),
		"size": []any{1, 2}, "device": "cpu", "dtype": loaders.Global{Module: "torch", Name: "float16", Allowed: true},
		"complex": 1 + 2i, "set": []any{1, 2}, "counter": []loaders.Item{{Key: "a", Value: 2}, {Key: "b", Value: 1}},
	} {
		if !slices.Contains(c.Ignored(), key) {
			t.Errorf("%q is not in Ignored", key)
		}
		if v, err := c.Value(key); err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("Value(%q) = %#v, %v; want %#v", key, v, err, want)
		}
	}
	if v, err := c.Sub("args").Value("lr"); err != nil || v != 0.1 {
		t.Errorf("Value of a part: %v, %v", v, err)
	}
	dtype := func(name, order string) string {
		return global("numpy", "dtype") + tuple(str(name), "\x89", "\x88") + "R" +
			tuple("K\x03", str(order), "N", "N", "N") + "b"
	}
	for name, c := range map[string]struct {
		body string
		want any
	}{
		"float16": {dtype("f2", "<") + "C\x02\x00\x3c", tensor.Half(0x3c00)}, "float32": {dtype("f4", "<") + "C\x04\x00\x00\x80\x3f", float32(1)},
		"big": {dtype("i4", ">") + "C\x04\x00\x00\x01\x02", int32(258)}, "bool": {dtype("b1", "|") + "C\x01\x01", true},
		"int8": {dtype("i1", "|") + "C\x01\xff", int8(-1)}, "int16": {dtype("i2", "<") + "C\x02\xfe\xff", int16(-2)},
		"int64": {dtype("i8", "<") + "C\x08\xfe" + strings.Repeat("\xff", 7), int64(-2)}, "uint8": {dtype("u1", "|") + "C\x01\xff", uint8(255)},
		"uint16": {dtype("u2", "<") + "C\x02\xff\xff", uint16(65535)}, "uint32": {dtype("u4", "<") + "C\x04\xff\xff\xff\xff", uint32(1<<32 - 1)},
		"uint64":      {dtype("u8", "<") + "C\x08" + strings.Repeat("\xff", 8), uint64(1<<64 - 1)},
		"complex64":   {dtype("c8", ">") + "C\x08\x3f\x80\x00\x00\x40\x00\x00\x00", complex64(1 + 2i)},
		"complex":     {dtype("c16", "<") + "C\x10" + strings.Repeat("\x00", 6) + "\xf0\x3f" + strings.Repeat("\x00", 7) + "\x40", 1 + 2i},
		"of Python 2": {dtype("f4", "<") + "U\x04\x00\x00\x80\x3f", float32(1)},
	} {
		b := zipOf(t, nil, dict("v", global("numpy.core.multiarray", "scalar")+"("+c.body+"tR"), nil)
		f, err := loaders.OpenBytes(b, "f")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err := f.Value("v"); err != nil || v != c.want {
			t.Errorf("%s: %v (%T), %v; want %v", name, v, v, err, c.want)
		}
	}
	// A Namespace keeps its attributes; a tensor among them is described.
	b := zipOf(t, nil, dict("a", global("argparse", "Namespace")+")\x81"+dict("lr", "K\x05", "w", floats("0", 6))+"b"), map[string]int{"0": 24})
	f, err := loaders.OpenBytes(b, "f")
	if err != nil {
		t.Fatal(err)
	}
	v, err := f.Value("a")
	o, ok := v.(*loaders.Opaque)
	if err != nil || !ok || o.Name != "Namespace" {
		t.Fatalf("%v, %v", v, err)
	}
	state := o.State.([]loaders.Item)
	if i, ok := state[1].Value.(loaders.Info); state[0].Value != 5 || !ok || !i.Shape.Equal(tensor.Shape{6}) {
		t.Errorf("%+v", state)
	}
	// A value in itself ends.
	b = zipOf(t, nil, dict("a", global("argparse", "Namespace")+")\x81q\x00"+dict("self", "h\x00", "other", "h\x00")+"b"), nil)
	if f, err = loaders.OpenBytes(b, "f"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Value("a"); !errors.As(err, new(*loaders.LimitError)) {
		t.Errorf("a value in itself: %v", err)
	}
}

// What torch.save wrote of a module with classes that are not installed.
func TestWholeModule(t *testing.T) {
	c, err := loaders.Open("testdata/net_in_dict.pth", loaders.WithInert())
	if err != nil {
		t.Fatal(err)
	}
	want := open2(t, "testdata/net_p2.pth")
	if got := c.Sub("model").Keys(); !slices.Equal(got, want.Keys()) {
		t.Errorf("keys %q, want %q", got, want.Keys())
	}
	for _, k := range want.Keys() {
		if !bytes.Equal(values(t, c.Sub("model"), k).Bytes(), values(t, want, k).Bytes()) {
			t.Errorf("%q differs", k)
		}
		if strings.Contains(k, "hidden") || strings.Contains(k, "nothing") || strings.Contains(k, "note") {
			t.Errorf("%q is not part of a state_dict", k)
		}
	}
	if v, err := c.Value("optimizer"); err != nil || v.(*loaders.Opaque).Name != "SGD" {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := loaders.Open("testdata/net_legacy.pth"); !errors.As(err, new(*loaders.GlobalError)) {
		t.Errorf("a module without WithInert: %v", err)
	}
}

func open2(t *testing.T, path string) *loaders.Checkpoint {
	t.Helper()
	c, err := loaders.Open(path, loaders.WithInert())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A device of a list that contains itself must not be printed: that would
// overflow the stack, which nothing recovers.
func TestValueInItself(t *testing.T) {
	device := func(index string) any {
		body := dict("d", global("torch", "device")+tuple(str("cuda"), index)+"R")
		c, err := loaders.OpenBytes(zipOf(t, nil, body, nil), "f")
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.Value("d")
		if l := (*loaders.LimitError)(nil); err != nil && !errors.As(err, &l) {
			t.Errorf("%v", err)
		}
		return v
	}
	if v := device("K\x01"); v != "cuda:1" {
		t.Errorf("%v, want cuda:1", v)
	}
	if v := device("]q\x01h\x01a"); v != nil {
		t.Errorf("%T of a list in itself, want a LimitError", v)
	}
}

// A class, a function and a type are values, as are constants.
func TestGlobalValues(t *testing.T) {
	for want, body := range map[loaders.Global]string{
		{Module: "torch", Name: "FloatStorage", Allowed: true}:              global("torch", "FloatStorage"),
		{Module: "torch", Name: "HalfStorage", Allowed: true}:               global("torch.cuda", "HalfStorage"),
		{Module: "torch.storage", Name: "UntypedStorage", Allowed: true}:    global("torch.storage", "UntypedStorage"),
		{Module: "torch", Name: "bfloat16", Allowed: true}:                  global("torch", "bfloat16"),
		{Module: "torch", Name: "per_tensor_affine", Allowed: true}:         global("torch", "per_tensor_affine"),
		{Module: "torch.storage", Name: "TypedStorage", Allowed: true}:      global("torch.storage", "TypedStorage"),
		{Module: "torch.cuda", Name: "FloatTensor", Allowed: true}:          global("torch.cuda", "FloatTensor"),
		{Module: "numpy", Name: "int16", Allowed: true}:                     global("numpy", "dtype") + tuple(str("i2"), "\x89", "\x88") + "R",
		{Module: "collections", Name: "OrderedDict", Allowed: true}:         global("collections", "OrderedDict"),
		{Module: "argparse", Name: "Namespace", Allowed: true}:              global("argparse", "Namespace"),
		{Module: "torch._utils", Name: "_rebuild_tensor", Allowed: true}:    global("torch._utils", "_rebuild_tensor"),
		{Module: "torch.nn.modules.linear", Name: "Linear", Allowed: false}: global("torch.nn.modules.linear", "Linear"),
	} {
		if v, err := inert(t, dict("c", body)).Value("c"); err != nil || v != want {
			t.Errorf("%v (%T), %v; want %v", v, v, err, want)
		}
	}
}

// A damaged tensor inside another value was once described as if it were whole,
// which panicked. Fuzzing found it.
func TestDamagedTensorInAValue(t *testing.T) {
	bad := view(storage("FloatStorage", "0", 6), 0, []int{2, 3}, []int{1})
	c := inert(t, dict("layer", global("lib", "Thing")+"("+bad+"t\x81"))
	_, err := c.Value("layer")
	var e *loaders.FormatError
	if !errors.As(err, &e) || e.Key != "layer" || !strings.Contains(err.Error(), "2 extents but 1 strides") {
		t.Errorf("%v", err)
	}
}

// A checkpoint is for many goroutines, which take the same tensors and values.
func TestManyGoroutines(t *testing.T) {
	for _, name := range []string{"deflated.pth", "views.pth", "net_in_dict.pth", "numpy_p4.pth"} {
		want, c := open2(t, "testdata/"+name), open2(t, "testdata/"+name)
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				for _, k := range c.Keys() {
					x, err := c.Tensor(k)
					w, failed := want.Tensor(k)
					if err != nil || failed != nil || !bytes.Equal(x.Bytes(), w.Bytes()) {
						t.Errorf("%s, %s: %v, %v", name, k, err, failed)
					}
				}
				for _, k := range c.Ignored() {
					v, err := c.Value(k)
					w, failed := want.Value(k)
					if err != nil || failed != nil || !reflect.DeepEqual(v, w) {
						t.Errorf("%s, %s: %v, %v, want %v, %v", name, k, v, err, w, failed)
					}
				}
			})
		}
		g.Wait()
	}
}
