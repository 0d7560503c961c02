package beamio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/argand-go/argand/tensor"
)

// A pipeline may keep tensors for longer than a run: the bytes stay as they are.
func TestTensorInBinary(t *testing.T) {
	for code, name := range []string{"invalid", "float32", "float16", "bfloat16", "float64", "int64", "int32", "uint8",
		"bool", "int8", "int16", "uint16", "uint32", "uint64", "complex64", "complex128"} {
		if got := tensor.DType(code).String(); got != name {
			t.Errorf("the type of code %d is %s, was %s", code, got, name)
		}
	}
	x, err := tensor.Of([]int16{1, -2, 300, 4, 5, 6}, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	b, err := appendTensor(nil, x)
	if want := "010a02030201" + "00feff2c01040005000600"; err != nil || fmt.Sprintf("%x", b) != want {
		t.Errorf("%x, want %s, %v", b, want, err)
	}
	for _, dtype := range tensor.DTypes() {
		for _, shape := range []tensor.Shape{{}, {0}, {7}, {3, 0, 2}, {2, 3, 4}, {1, 1, 1, 1, 1}} {
			x, err := tensor.New(dtype, shape...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range x.Bytes() {
				if x.Bytes()[i] = byte(7*i + 1); dtype == tensor.Bool {
					x.Bytes()[i] = byte(i % 2)
				}
			}
			same(t, x)
		}
	}
	rows, err := x.Slice(1, 3) // a view
	if err != nil {
		t.Fatal(err)
	}
	same(t, rows)
	if b, err := appendTensor(nil, x.Outline()); err == nil {
		t.Errorf("an outline became %x", b)
	}
	deep, err := tensor.New(tensor.Bool, make([]int, maxAxes+1)...)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := appendTensor(nil, deep); err == nil {
		t.Errorf("%d axes became %x", maxAxes+1, b)
	}
	same(t, nil)
}

// same checks that a tensor survives, by Beam's own reader and writer.
func same(t *testing.T, x *tensor.Tensor) {
	t.Helper()
	enc, err := tensorProvider{}.BuildEncoder(reflect.TypeFor[Tensor]())
	if err != nil {
		t.Fatal(err)
	}
	dec, err := tensorProvider{}.BuildDecoder(reflect.TypeFor[Tensor]())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := enc(Tensor{x}, &b); err != nil {
		t.Fatal(err)
	}
	b.WriteString("next")
	v, err := dec(&b)
	if err != nil {
		t.Fatal(err)
	}
	got := v.(Tensor)
	if b.String() != "next" {
		t.Errorf("%v: %q is left", x, b.String())
	}
	if (x == nil) != (got.Tensor == nil) {
		t.Fatalf("got %v", got)
	}
	if x != nil && (got.DType() != x.DType() || !got.Shape().Equal(x.Shape()) || !bytes.Equal(got.Bytes(), x.Bytes())) {
		t.Errorf("got %v of %v", got, x)
	}
}

func TestTensorJSON(t *testing.T) {
	nan := math.NaN()
	x := func(v *tensor.Tensor, err error) Tensor {
		if err != nil {
			t.Fatal(err)
		}
		return Tensor{v}
	}
	for _, c := range []struct {
		x    Tensor
		want string
	}{
		{Tensor{}, `null`},
		{x(tensor.Of([]float32{1, 2.5}, 2, 1)), `{"dtype":"float32","shape":[2,1],"data":[1,2.5]}`},
		{x(tensor.Of([]float64{nan, math.Inf(1), math.Inf(-1), 0.1}, 4)),
			`{"dtype":"float64","shape":[4],"data":["NaN","+Inf","-Inf",0.1]}`},
		{x(tensor.Of([]float32{7})), `{"dtype":"float32","shape":[],"data":[7]}`},
		{x(tensor.Of([]uint8{1, 255}, 2)), `{"dtype":"uint8","shape":[2],"data":[1,255]}`},
		{x(tensor.Of([]int64{math.MaxInt64}, 1)), `{"dtype":"int64","shape":[1],"data":[9223372036854775807]}`},
		{x(tensor.Of([]bool{true, false}, 1, 2)), `{"dtype":"bool","shape":[1,2],"data":[true,false]}`},
		{x(tensor.Of([]tensor.BHalf{0x3fc0}, 1)), `{"dtype":"bfloat16","shape":[1],"data":[1.5]}`},
		{x(tensor.Of([]int8{}, 0)), `{"dtype":"int8","shape":[0],"data":[]}`},
	} {
		if b, err := json.Marshal(PredictionResult[Tensor, []Tensor]{Inference: []Tensor{c.x}}); err != nil ||
			string(b) != `{"example":null,"inference":[`+c.want+`],"model_id":""}` {
			t.Errorf("%s, %v; want %s", b, err, c.want)
		}
	}
	if b, err := json.Marshal(x(tensor.Of([]complex64{1}, 1))); err == nil || !strings.Contains(err.Error(), "complex64") {
		t.Errorf("%s, %v", b, err)
	}
}

// FuzzTensorInBinary checks that no bytes make parseTensor, or what is before
// it, panic or take more memory than there are bytes.
func FuzzTensorInBinary(f *testing.F) {
	for _, s := range []string{"", "\x01", "\x01\x00", "\x01\x00\x00", "\x02\x01\x00aaaa", "\x01\x01\x01\x02aaaaaaaa",
		"\x01\x08\x01\x02\x00\x02", "\x01\x01\x02\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"\x01\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\x01\x41", "\x01\x99\x00"} {
		f.Add([]byte(s))
	}
	dec, err := tensorProvider{}.BuildDecoder(reflect.TypeFor[Tensor]())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := dec(bytes.NewReader(data)); err == nil && v.(Tensor).Tensor != nil && len(v.(Tensor).Bytes()) > len(data) {
			t.Errorf("%v of %d bytes", v, len(data))
		}
		x, err := parseTensor(data)
		if err != nil {
			return
		}
		b, err := appendTensor(nil, x)
		if err != nil {
			t.Fatal(err)
		}
		y, err := parseTensor(b)
		if err != nil || (x == nil) != (y == nil) {
			t.Fatalf("%v became %v, %v", x, y, err)
		}
		if x != nil && (x.String() != y.String() || !bytes.Equal(x.Bytes(), y.Bytes())) {
			t.Errorf("%v became %v", x, y)
		}
	})
}
