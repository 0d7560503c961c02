package gorgonia_test

import (
	"runtime/debug"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor/gorgonia"
)

// TestReadOnly shows what the package comment warns of: a Dense over a mapped
// file cannot be written to, and one over a copy can.
func TestReadOnly(t *testing.T) {
	const name = "testdata/pair.safetensors"
	mapped := must(must(loaders.Open(name)).Tensor("a"))
	copied := must(must(loaders.Open(name, loaders.WithCopy())).Tensor("a"))
	write := func() {
		if err := must(gorgonia.ToDense(mapped)).SetAt(float32(9), 1, 2); err != nil {
			t.Error(err)
		}
	}
	if !faults(write) {
		t.Error("writing to a mapped file did not fault")
	}
	mapped = mapped.Clone()
	if faults(write) {
		t.Error("writing to a clone faults")
	}
	mapped = copied
	if faults(write) {
		t.Error("writing to a file that was read faults")
	}
}

func faults(f func()) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	f()
	return false
}
