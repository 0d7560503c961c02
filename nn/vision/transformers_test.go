package vision

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestConvNeXtLogits: the error of torch in float32 is up to 5e-7.
func TestConvNeXtLogits(t *testing.T) { compareNarrow(t, "convnext", 3) }

// TestViTLogits: the error of torch in float32 is 1.3e-6.
func TestViTLogits(t *testing.T) { compareNarrow(t, "vit", 1) }

// compareNarrow compares the logits of testdata's narrow network with those that torch computes in float64.
func compareNarrow(t *testing.T, network string, cases int) {
	t.Helper()
	src, err := procedural.Golden(os.DirFS(testdata), network+"/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewClassifier(bg, kernels.CPU(), src)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var golden struct {
		Cases []struct {
			Height, Width int
			Logits        []float32
		}
	}
	readJSON(t, &golden, network, "golden.json")
	if len(golden.Cases) != cases {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		x, err := tensor.New(tensor.Float32, 1, 3, c.Height, c.Width)
		if err != nil {
			t.Fatal(err)
		}
		procedural.Fill(floats(t, x), fmt.Sprintf("input%dx%d", c.Height, c.Width), 2)
		y, err := k.Logits(bg, x)
		if err != nil {
			t.Fatal(err)
		}
		var worst, scale float64
		for i, v := range floats(t, y) {
			worst = max(worst, math.Abs(float64(v)-float64(c.Logits[i])))
			scale = max(scale, math.Abs(float64(c.Logits[i])))
		}
		t.Logf("%s, %d×%d: max error / max |logit| = %.2g", network, c.Height, c.Width, worst/scale)
		if !(worst <= 1e-5*scale) || y.Len() != len(c.Logits) {
			t.Errorf("%s, %d×%d: %d logits differ by %.3g of %.3g", network, c.Height, c.Width, y.Len(), worst, scale)
		}
	}
}

// resized returns a checkpoint in which the extents of a model are others, and which has more blocks: the last of those
// whose keys blocks finds is repeated up to so many.
func resized(t *testing.T, model string, extents map[int]int, blocks *regexp.Regexp, count int) *memory {
	t.Helper()
	m := readKeys(t, model)
	last := ""
	for _, k := range m.keys {
		if at := blocks.FindStringSubmatch(k); at != nil {
			last = at[2]
		}
	}
	for _, k := range slices.Clone(m.keys) {
		at := blocks.FindStringSubmatch(k)
		for i := 0; at != nil && at[2] == last && i < count; i++ {
			m.set(fmt.Sprintf("%s%d%s", at[1], i, at[3]), m.shapes[k]...)
		}
	}
	for k, shape := range m.shapes {
		other := slices.Clone(shape)
		for a, n := range shape {
			if to, ok := extents[n]; ok {
				other[a] = to
			}
		}
		m.set(k, other...)
	}
	return m
}

// TestRecognizeTransformers recognises the published ConvNeXts and vision transformers, and builds them.
func TestRecognizeTransformers(t *testing.T) {
	stage := regexp.MustCompile(`^(features\.5\.)(\d+)(\..*)$`)
	layer := regexp.MustCompile(`^(encoder\.layers\.encoder_layer_)(\d+)(\..*)$`)
	double := func(n int) map[int]int {
		return map[int]int{96: n, 192: 2 * n, 384: 4 * n, 768: 8 * n, 1536: 16 * n, 3072: 32 * n}
	}
	wide := func(width, patch, tokens int) map[int]int {
		return map[int]int{768: width, 2304: 3 * width, 3072: 4 * width, 16: patch, 197: tokens}
	}
	for _, c := range []struct {
		src  *memory
		want Architecture
		crop int
		name string
	}{
		{readKeys(t, "convnext_tiny"), Architecture{Layers: [4]int{3, 3, 9, 3}, Width: 96}, 224, "convnext_tiny"},
		{resized(t, "convnext_tiny", nil, stage, 27), Architecture{Layers: [4]int{3, 3, 27, 3}, Width: 96}, 224, "convnext_small"},
		{resized(t, "convnext_tiny", double(128), stage, 27), Architecture{Layers: [4]int{3, 3, 27, 3}, Width: 128}, 224,
			"convnext_base"},
		{resized(t, "convnext_tiny", double(192), stage, 27), Architecture{Layers: [4]int{3, 3, 27, 3}, Width: 192}, 224,
			"convnext_large"},
		{resized(t, "convnext_tiny", nil, stage, 10), Architecture{Layers: [4]int{3, 3, 10, 3}, Width: 96}, 224,
			"convnext_3_3_10_3"},
		{readKeys(t, "vit_b_16"), Architecture{Layers: [4]int{12}, Width: 768, Picture: 224}, 224, "vit_b_16"},
		{resized(t, "vit_b_16", wide(768, 16, 577), layer, 12), Architecture{Layers: [4]int{12}, Width: 768, Picture: 384}, 384,
			"vit_b_16"},
		{resized(t, "vit_b_16", wide(768, 32, 50), layer, 12), Architecture{Layers: [4]int{12}, Width: 768, Picture: 224}, 224,
			"vit_b_32"},
		{resized(t, "vit_b_16", wide(1024, 16, 197), layer, 24), Architecture{Layers: [4]int{24}, Width: 1024, Picture: 224}, 224,
			"vit_l_16"},
		{resized(t, "vit_b_16", wide(1024, 32, 50), layer, 24), Architecture{Layers: [4]int{24}, Width: 1024, Picture: 224}, 224,
			"vit_l_32"},
		{resized(t, "vit_b_16", wide(1280, 14, 1370), layer, 32), Architecture{Layers: [4]int{32}, Width: 1280, Picture: 518},
			518, "vit_h_14"},
		{resized(t, "vit_b_16", wide(768, 16, 26), layer, 12), Architecture{Layers: [4]int{12}, Width: 768, Picture: 80}, 80,
			"vit_b_16"},
	} {
		want := c.want
		want.Name, want.Task, want.Classes, want.published = c.name, Classification, 1000, want.Width
		b := &recorder{}
		k, err := NewClassifier(bg, b, c.src)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := k.Architecture(); got != want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, want)
		}
		if got := k.Settings().Transform.Crop; got != c.crop {
			t.Errorf("%s: pictures of %d pixels, want %d", c.name, got, c.crop)
		}
		if got := k.Settings().Eps; got != 1e-6 {
			t.Errorf("%s: eps %v", c.name, got)
		}
		if _, err := b.graph.Infer(tensor.Shape{2, 3, c.crop, c.crop}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestTransformersAreFused: layer scale, GELU and residuals are parts of convolutions.
func TestTransformersAreFused(t *testing.T) {
	for model, want := range map[string]map[string]int{
		"convnext_tiny": {"conv2d": 4 + 18*3, "layer_norm": 5 + 18, "adaptive_avg_pool2d": 1, "flatten": 1, "linear": 1},
		"vit_b_16": {"conv2d": 1 + 12*4, "layer_norm": 12*2 + 1, "scaled_dot_product_attention": 12, "tokens": 1, "select": 2,
			"flatten": 1, "linear": 1},
	} {
		b := &recorder{}
		if _, err := NewClassifier(bg, b, readKeys(t, model)); err != nil {
			t.Fatal(err)
		}
		got, residuals, gelus := map[string]int{}, 0, 0
		for _, n := range b.graph.Nodes {
			got[n.Op.Name()]++
			if e := op.EpilogueOf(n.Op); e != nil && e.Residual == op.SameResidual {
				residuals++
				if model == "convnext_tiny" && e.Scale == nil {
					t.Errorf("%s: no layer scale", n.Path)
				}
			}
			if e := op.EpilogueOf(n.Op); e != nil && e.Act == op.GELU {
				gelus++
			}
		}
		blocks := map[string]int{"convnext_tiny": 18, "vit_b_16": 12}[model]
		if fmt.Sprint(got) != fmt.Sprint(want) || gelus != blocks || residuals != blocks*max(1, got["scaled_dot_product_attention"]/6) {
			t.Errorf("%s: %v with %d residuals and %d GELUs, want %v", model, got, residuals, gelus, want)
		}
	}
}

// TestViTPicture: a picture of another size than the positions are for is an error that says which.
func TestViTPicture(t *testing.T) {
	src, err := procedural.Golden(os.DirFS(testdata), "vit/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewClassifier(bg, kernels.CPU(), src)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, err := k.Classify(bg, gray(300, 200), 1); err != nil {
		t.Error(err)
	}
	for _, size := range [][2]int{{224, 224}, {113, 112}, {112, 127}, {16, 16 * 49}} {
		x, err := tensor.New(tensor.Float32, 1, 3, size[0], size[1])
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Logits(bg, x)
		if e, ok := errors.AsType[*op.ShapeError](err); !ok || !strings.Contains(e.Want, "exactly 112×112 pixels") {
			t.Errorf("%v: got %v", size, err)
		}
	}
}

// TestViTOldNames reads a checkpoint of torchvision before 0.13.
func TestViTOldNames(t *testing.T) {
	src, err := procedural.Golden(os.DirFS(testdata), "vit/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	old := rekey(src, func(k string) string {
		return strings.Replace(strings.Replace(k, "mlp.0.", "mlp.linear_1.", 1), "mlp.3.", "mlp.linear_2.", 1)
	})
	var want, got bytes.Buffer
	for to, src := range map[*bytes.Buffer]nn.Source{&want: src, &got: old} {
		w := nn.NewWeights(src)
		net, err := nn.Compile(bg, kernels.CPU(), NewViT(w, 2, LayerNormEps))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Err("VisionTransformer"); err != nil {
			t.Error(err)
		}
		x, err := tensor.New(tensor.Float32, 1, 3, 112, 112)
		if err != nil {
			t.Fatal(err)
		}
		y, err := net.Run(bg, x)
		if err != nil {
			t.Fatal(err)
		}
		to.Write(y[0].Bytes())
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Error("under the old names the network is another")
	}
}

// TestOddTransformers: whatever the shapes, there is an error or a network, and no panic.
func TestOddTransformers(t *testing.T) {
	for _, model := range []string{"convnext_tiny", "vit_b_16"} {
		all := readKeys(t, model)
		for _, k := range all.keys {
			if i := strings.Index(k, "layer_1"); i > 0 || strings.HasPrefix(k, "features.5.") {
				continue // as the others
			}
			for _, shape := range []tensor.Shape{
				{}, {0}, {1}, {3, 0}, {0, 0, 0, 0}, {5, 7, 1, 1}, {1, 1, 1, 1, 1}, {1, 3, 1}, {1, 1 << 40, 0}, {768, 3, 1 << 30, 0},
			} {
				m := readKeys(t, model)
				m.zeros = all.zeros
				m.set(k, shape...)
				if _, err := NewClassifier(bg, &recorder{}, m); err == nil && !shape.Equal(all.shapes[k]) {
					t.Errorf("%s: %s of %v was taken", model, k, shape)
				}
				all.zeros = m.zeros
			}
		}
	}
	for _, c := range []struct {
		key   string
		shape tensor.Shape
		want  string
	}{
		{"encoder.pos_embedding", tensor.Shape{1, 196, 768}, "196 positions"},
		{"encoder.pos_embedding", tensor.Shape{1, 1, 768}, "1 positions"},
		{"conv_proj.weight", tensor.Shape{100, 3, 16, 16}, "NewViT"},
	} {
		m := readKeys(t, "vit_b_16")
		m.set(c.key, c.shape...)
		if _, err := NewClassifier(bg, &recorder{}, m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %v: %v", c.key, c.shape, err)
		}
	}
}
