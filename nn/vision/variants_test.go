package vision

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// rekeyed is a checkpoint under other names.
type rekeyed struct {
	src  nn.Source
	keys []string
	old  map[string]string
}

// rekey gives every tensor the name that f makes of its own, and leaves out those that it makes "".
func rekey(src nn.Source, f func(key string) string) *rekeyed {
	r := &rekeyed{src: src, old: map[string]string{}}
	for _, k := range src.Keys() {
		if name := f(k); name != "" {
			r.keys = append(r.keys, name)
			r.old[name] = k
		}
	}
	return r
}

func (r *rekeyed) Keys() []string { return r.keys }

func (r *rekeyed) Tensor(key string) (*tensor.Tensor, error) { return r.src.Tensor(r.old[key]) }

// TestVariants runs the trained network under torchvision's old key names, wrapped as training scripts do, and without
// its masks, as Faster R-CNN.
func TestVariants(t *testing.T) {
	src, err := loaders.Open(filepath.Join(testdata, "shapes", "model.pth"))
	if err != nil {
		t.Fatal(err)
	}
	c := readShapes(t, "expected.json")[0]
	img := c.picture(t)
	want, err := c.detector(t, src).Detect(bg, img)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(_blocks\.\d)\.0\.`)
	masks := regexp.MustCompile(`mask_head\.(\d)\.0\.`)
	for name, f := range map[string]func(string) string{
		"old names": func(k string) string {
			k = strings.Replace(blocks.ReplaceAllString(k, "$1."), "conv.0.0.", "conv.", 1)
			return masks.ReplaceAllStringFunc(k, func(m string) string {
				return fmt.Sprintf("mask_head.mask_fcn%c.", m[len("mask_head.")]+1)
			})
		},
		"wrapped": func(k string) string { return "model.module." + k },
		"no masks": func(k string) string {
			if strings.HasPrefix(k, "roi_heads.mask_") {
				return ""
			}
			return k
		},
	} {
		d := c.detector(t, rekey(src, f))
		got, err := d.Detect(bg, img)
		if err != nil {
			t.Fatal(err)
		}
		w := *want
		if name == "no masks" {
			w.Masks = nil
			if d.Architecture().Name != "fasterrcnn_resnet50_fpn" {
				t.Errorf("%s: %v", name, d.Architecture())
			}
		}
		if fmt.Sprint(*got) != fmt.Sprint(w) {
			t.Errorf("%s: got\n%v\nwant\n%v", name, *got, w)
		}
	}
}

// TestOtherTrunks builds Mask R-CNNs that torchvision has no builder for.
func TestOtherTrunks(t *testing.T) {
	for _, trunk := range []string{"resnet18", "resnet34", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2"} {
		src := readKeys(t, "maskrcnn_resnet50_fpn_bn")
		for _, k := range append([]string(nil), src.keys...) {
			if strings.HasPrefix(k, "backbone.body.") {
				src.remove(k)
			}
		}
		body := readKeys(t, trunk)
		for _, k := range body.keys {
			if !strings.HasPrefix(k, "fc.") {
				src.set("backbone.body."+k, body.shapes[k]...)
			}
		}
		if trunk == "resnet18" || trunk == "resnet34" {
			for l := range 4 {
				src.set(fmt.Sprintf("backbone.fpn.inner_blocks.%d.0.weight", l), 256, 64<<l, 1, 1)
			}
		}
		d, err := NewDetector(bg, &recorder{answer: answering}, src)
		if err != nil {
			t.Errorf("%s: %v", trunk, err)
			continue
		}
		if got := d.Architecture().Name; got != "maskrcnn_"+trunk+"_fpn" {
			t.Errorf("%s: got %s", trunk, got)
		}
		if _, err := d.Detect(bg, gray(40, 30)); err != nil {
			t.Errorf("%s: %v", trunk, err)
		}
	}
}
