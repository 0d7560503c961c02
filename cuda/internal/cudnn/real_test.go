//go:build linux && cgo && !nocuda

package cudnn

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var realLibrary = flag.String("cudnn", "", "path of NVIDIA's libcudnn.so.9, to plan with it for a described H100")

// resNet50 returns the 29 convolutions of ResNet-50 that differ, on pictures of height and width.
func resNet50(typ Type, tensorCores bool, h, w int) map[string]Convolution {
	lanes := alignment / typ.size()
	list := make(map[string]Convolution)
	add := func(name string, h, w, in, out, kernel, stride int, residual, relu bool) {
		c := Convolution{Type: typ, TensorCores: tensorCores, N: 1, X: [3]int{h, w, (in + lanes - 1) / lanes * lanes},
			Y: [3]int{(h-1)/stride + 1, (w-1)/stride + 1, out}, Kernel: [2]int{kernel, kernel}, Stride: [2]int{stride, stride},
			Padding: [2]int{kernel / 2, kernel / 2}, Dilation: [2]int{1, 1}, Residual: residual, ReLU: relu}
		list[name] = c
	}
	add("conv1", h, w, 3, 64, 7, 2, false, true)
	h, w = h/4, w/4
	in := 64
	for i, width := range []int{64, 128, 256, 512} {
		for block := range 2 { // the others are as the second
			name, stride := fmt.Sprintf("layer%d.%d.", i+1, block), 1
			if block == 0 && i > 0 {
				stride = 2
			}
			add(name+"conv1", h, w, in, width, 1, 1, false, true)
			add(name+"conv2", h, w, width, width, 3, stride, false, true)
			if block == 0 {
				add(name+"downsample", h, w, in, 4*width, 1, stride, false, false)
			}
			h, w, in = (h-1)/stride+1, (w-1)/stride+1, 4*width
			add(name+"conv3", h, w, width, in, 1, 1, true, true)
		}
	}
	return list
}

// TestRealPlans plans all convolutions of ResNet-50, in all precisions, with NVIDIA's own library for an H100 that is
// described, not there. In each precision there are plans for each of them, and those for float32 are of engines that
// say that they compute it exactly. cuDNN 9.26.0 has, for pictures of 224×224 and of 800×1344:
//
//	float32  167 and 156 plans of engines 0, 11 and 44, none on tensor cores, and for each convolution one without workspace
//	tf32     971 and 959, most of engine 51
//	bf16     919 and 911, most of engine 41; also 10, 23, 32, 51
//	fp16     1016 and 1043, as bf16
//
// and of 6,142 plans for one picture 6,026 are there for a batch of 8, too, with the same settings and no less memory.
func TestRealPlans(t *testing.T) {
	if *realLibrary == "" {
		t.Skip("NOT RUN: no real cuDNN; it is given by -args -cudnn PATH of libcudnn.so.9")
	}
	library, err := Load(*realLibrary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: cuDNN %v", library.Path, library.Version)
	properties, err := os.ReadFile("testdata/h100.json")
	if err != nil {
		t.Fatal(err)
	}
	device, err := library.Describe(properties)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{224, 224}, {800, 1344}} {
		for _, p := range []struct {
			name        string
			typ         Type
			tensorCores bool
			without     int // how many may have a plan that needs no workspace, at least
		}{
			{"float32", Float32, false, 29}, {"tf32", Float32, true, 0}, {"bf16", BFloat16, true, 29}, {"fp16", Float16, true, 29},
		} {
			t.Run(fmt.Sprintf("%s %v", p.name, size), func(t *testing.T) {
				list := resNet50(p.typ, p.tensorCores, size[0], size[1])
				if len(list) != 29 {
					t.Fatalf("%d convolutions", len(list))
				}
				seen := make(map[string]int) // how many convolutions have a plan of an engine
				without, compares, again, of := 0, 0, 0, 0
				for name, c := range list {
					plans, err := device.Plans(c, Limits{Plans: 64, Workspace: 1 << 30})
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if len(plans) == 0 {
						t.Errorf("%s has no plan", name)
						continue
					}
					c.N = 8
					engines := make(map[string]bool)
					for _, plan := range plans {
						engines[fmt.Sprintf("eng%d (%v)", plan.Engine, plan.Notes)] = true
						if plan.Notes&^StrictNaN&^TensorCore != 0 || !p.tensorCores && plan.Notes&TensorCore != 0 {
							t.Errorf("%s: %s does what was not asked for: %v", name, plan.Name(), plan.Notes)
						}
					}
					for e := range engines {
						seen[e]++
					}
					if slices.ContainsFunc(plans, func(p *Plan) bool { return p.Workspace == 0 }) {
						without++
					}
					if plans[0].Notes&TensorCore != 0 {
						compares++
					}
					for _, plan := range plans {
						eight, err := plan.Again(c)
						if _, shape := errors.AsType[*ShapeError](err); err != nil && !shape {
							t.Errorf("%s: %s for a batch of 8: %v", name, plan.Name(), err)
						}
						if of++; err == nil {
							again++
							err = eight.Close()
						} else {
							err = nil
						}
						if err := errors.Join(err, plan.Close()); err != nil {
							t.Error(err)
						}
					}
				}
				var words []string
				for e, n := range seen {
					words = append(words, fmt.Sprintf("%s for %d", e, n))
				}
				slices.Sort(words)
				const exact = "eng0 (strict NaN) for 29; eng11 (exact) for 29; eng44 (exact) for 29"
				if got := strings.Join(words, "; "); library.Version == 92600 && p.typ == Float32 && !p.tensorCores && got != exact {
					t.Errorf("exact engines are %s; want %s", got, exact)
				}
				t.Logf("%d without workspace, %d first on tensor cores; %d of %d plans for a batch of 8 too; %s",
					without, compares, again, of, strings.Join(words, "; "))
				if without < p.without {
					t.Errorf("%d convolutions have a plan without workspace; want %d", without, p.without)
				}
				if p.tensorCores && compares < 29 {
					t.Errorf("the first plan is on tensor cores for %d convolutions of 29", compares)
				}
			})
		}
	}
	if err := device.Close(); err != nil {
		t.Error(err)
	}
}
