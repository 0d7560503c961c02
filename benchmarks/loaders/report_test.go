package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.x); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.x, got, c.want)
		}
	}
}

func TestSum(t *testing.T) {
	var d loaders.StateDict
	x, err := tensor.Of([]uint8{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 4}, 18)
	if err != nil {
		t.Fatal(err)
	}
	d.Set("x", x)
	path := filepath.Join(t.TempDir(), "x")
	if err := loaders.SaveTorch(path, &d); err != nil {
		t.Fatal(err)
	}
	c, err := loaders.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sum(c); got != 10 || err != nil {
		t.Errorf("sum %d, %v", got, err)
	}
}

// Each target is held against the numbers; what was not measured misses it.
func TestVerdicts(t *testing.T) {
	b := bench{file: "main.go"}
	times := map[string][]float64{"none": {0}, "open": {5}, "touch": {50}, "torch load": {100},
		"torch mmap": {4}}
	text, err := b.report(1, "Python", times, map[string][]float64{"none": {10}, "open": {20}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| loaders: open | 5.00 | 5.00 | 0.050 | 20.0 |",
		"| open ≤ 0.1 × torch.load | 0.050 | met |",
		"| open ≤ 1 × torch.load(mmap=True) | 1.250 | **missed** |",
		"| open + touch every byte ≤ 0.4 × torch.load | 0.500 | **missed** |",
		"| peak of open ≤ 25 MB above the program's own | 10.000 | met |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
