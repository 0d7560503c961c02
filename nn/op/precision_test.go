package op_test

import (
	"errors"
	"testing"

	"github.com/argand-go/argand/nn/op"
)

func TestPrecisionText(t *testing.T) {
	for _, p := range []op.Precision{op.Float32, op.TensorFloat32, op.BFloat16, op.Float16} {
		text, err := p.MarshalText()
		if err != nil || string(text) != p.String() {
			t.Errorf("%v: %q, %v", p, text, err)
		}
		got := op.Precision(99)
		if err := got.UnmarshalText(text); err != nil || got != p {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	p := op.BFloat16
	if err := p.UnmarshalText(nil); err != nil || p != op.Float32 {
		t.Errorf("an empty name: %v, %v", p, err)
	}
	err := p.UnmarshalText([]byte("half"))
	if _, ok := errors.AsType[*op.PrecisionError](err); !ok {
		t.Errorf("half: %v", err)
	}
	if _, err := op.Precision(99).MarshalText(); err == nil {
		t.Error("precision 99 has a name")
	}
}
