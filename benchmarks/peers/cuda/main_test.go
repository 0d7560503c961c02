package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/meter"
	"github.com/argand-go/argand/nn/op"
)

// TestUpTo cuts a network of two branches.
func TestUpTo(t *testing.T) {
	g := &op.Graph{Inputs: []op.Input{{Value: 0}}, Values: 5, Outputs: []op.Value{4}, Nodes: []op.Node{
		{Path: "a", Op: &op.Activation{}, In: []op.Value{0}, Out: []op.Value{1}},
		{Path: "b", Op: &op.Activation{}, In: []op.Value{0}, Out: []op.Value{2}},
		{Path: "c", Op: &op.Activation{}, In: []op.Value{1}, Out: []op.Value{3}},
		{Path: "d", Op: &op.Add{}, In: []op.Value{2, 3}, Out: []op.Value{4}},
	}}
	for v, want := range []string{"", "a", "b", "ac", "abcd"} {
		part := upTo(g, op.Value(v))
		got := ""
		for _, n := range part.Nodes {
			got += n.Path
		}
		if got != want || part.Outputs != nil || len(g.Nodes) != 4 {
			t.Errorf("value %d: nodes %q, want %q", v, got, want)
		}
	}
}

// TestEngines adds up layers of the same kernel.
func TestEngines(t *testing.T) {
	got := engines([]meter.Layer{
		{Kernel: "x", Runs: 1, Time: time.Second, FLOPs: 5}, {Kernel: "y", Runs: 2, Time: 3 * time.Second},
		{Kernel: "x", Runs: 4, Time: time.Second, FLOPs: 7},
	})
	want := []meter.Layer{{Kernel: "y", Runs: 2, Time: 3 * time.Second}, {Kernel: "x", Runs: 5, Time: 2 * time.Second, FLOPs: 12}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestMisuse has commands that are refused before a driver is looked for, and where there is none.
func TestMisuse(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "want devices"},
		{"serve resnet18", "serve, layers or"},
		{"serve resnet18 float32 1 32", "serve, layers or"},
		{"serve resnet18 float33 1 32 32", "not a precision"},
		{"profile resnet18 float32 1 32 32 many", "invalid syntax"},
		{"-driver /nowhere/libcuda.so.1 serve resnet18 float32 1 32 32", "cuda"},
	} {
		err := command(strings.Fields(c.args), strings.NewReader(""), new(strings.Builder))
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) {
			t.Errorf("%s: %v; want %q", c.args, err, c.want)
		}
	}
}
