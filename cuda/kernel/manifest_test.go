package kernel_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"slices"
	"testing"

	"github.com/argand-go/argand/cuda/kernel"
)

// TestManifest holds what is committed against the sources, as far as that can be done without the compiler.
func TestManifest(t *testing.T) {
	m, err := kernel.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	sources, err := fs.Glob(kernel.Sources, "*.cu")
	if err != nil || len(sources) != len(m.Units) {
		t.Fatalf("%d sources, %d of them compiled (%v)", len(sources), len(m.Units), err)
	}
	for _, u := range m.Units {
		if sum, err := kernel.Digest(kernel.Sources, u.Source); err != nil || sum != u.SHA256 {
			t.Errorf("%s has changed since it was compiled: run go generate ./cuda/kernel (%v)", u.Source, err)
		}
		if len(u.Parameters) == 0 || len(u.Images) == 0 {
			t.Errorf("%s: %d kernels, %d images", u.Source, len(u.Parameters), len(u.Images))
		}
		for _, i := range u.Images {
			data, err := i.Open()
			if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != i.SHA256 {
				t.Errorf("%s is not what the manifest says (%v)", i.File, err)
			}
			for k, r := range i.Registers {
				if r.SpilledBytes != 0 {
					t.Errorf("%s: %s keeps %d bytes in memory for lack of registers", i.File, k, r.SpilledBytes)
				}
			}
		}
	}
}

func TestImage(t *testing.T) {
	u := kernel.Unit{}
	for _, target := range []string{"sm_75", "sm_80", "sm_86", "sm_90a", "sm_100", "compute_75", "compute_80"} {
		u.Images = append(u.Images, kernel.Image{Target: target})
	}
	for _, test := range []struct {
		capability [2]int
		want       string
	}{
		{[2]int{7, 5}, "sm_75"},
		{[2]int{8, 0}, "sm_80"},
		{[2]int{8, 6}, "sm_86"},
		{[2]int{8, 9}, "sm_86"},      // an older one of the same major
		{[2]int{9, 0}, "sm_90a"},     // with what only that has
		{[2]int{9, 5}, "compute_80"}, // for which that is not
		{[2]int{10, 3}, "sm_100"},
		{[2]int{12, 0}, "compute_80"},
		{[2]int{7, 0}, ""},
	} {
		i, ok := u.Image(test.capability)
		if i.Target != test.want || ok != (test.want != "") {
			t.Errorf("%v: %q, %v; want %q", test.capability, i.Target, ok, test.want)
		}
	}
	var all []string
	for _, i := range u.Fitting([2]int{8, 7}) {
		all = append(all, i.Target)
	}
	if want := []string{"sm_86", "sm_80", "compute_80", "compute_75"}; !slices.Equal(all, want) {
		t.Errorf("%v for 8.7; want %v", all, want)
	}
}
