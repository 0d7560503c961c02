//go:build linux && cgo && !nocuda

package cuda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// A selection is an operator of a detector, and inputs. Every decision in it is the same float32 arithmetic on the device as
// on the CPU, so that results have to be the same to the bit, but for the sums of RoIAlign.
type selection struct {
	name      string
	op        op.Op
	in        []*tensor.Tensor
	out       int     // results
	tolerance float64 // of the greatest number
}

func floats(shape ...int) (*tensor.Tensor, []float32) {
	t := must(tensor.New(tensor.Float32, shape...))
	return t, must(tensor.Data[float32](t))
}

func counts(n ...int32) *tensor.Tensor {
	t := must(tensor.New(tensor.Int32, len(n)))
	copy(must(tensor.Data[int32](t)), n)
	return t
}

// run returns the results on a backend.
func (s selection) run(b op.Backend) ([]*tensor.Tensor, error) {
	g := &op.Graph{Values: len(s.in) + s.out}
	node := op.Node{Op: s.op, Path: s.name}
	var shapes []tensor.Shape
	for i, x := range s.in {
		g.Inputs = append(g.Inputs, op.Input{Value: op.Value(i), DType: x.DType()})
		node.In = append(node.In, op.Value(i))
		shapes = append(shapes, x.Shape())
	}
	for i := range s.out {
		v := op.Value(len(s.in) + i)
		node.Out, g.Outputs = append(node.Out, v), append(g.Outputs, v)
	}
	g.Nodes = []op.Node{node}
	specs := must(g.Infer(shapes...))
	m, err := b.Load(context.Background(), g, op.Options{})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var out []*tensor.Tensor
	for _, v := range g.Outputs {
		out = append(out, must(tensor.New(specs[v].DType, specs[v].Shape...)))
	}
	p, err := m.Program(shapes...)
	if err == nil {
		err = p.RunInto(context.Background(), out, s.in)
	}
	return out, err
}

// wrong says what is wrong on a backend, "" for nothing.
func (s selection) wrong(gpu op.Backend, want []*tensor.Tensor) string {
	got, err := s.run(gpu)
	if err != nil {
		return err.Error()
	}
	return s.differ(got, want)
}

// differ says where results differ, "" for nowhere.
func (s selection) differ(got, want []*tensor.Tensor) string {
	for i := range want {
		if want[i].DType() != tensor.Float32 {
			if string(got[i].Bytes()) != string(want[i].Bytes()) {
				return fmt.Sprintf("result %d is %v, want %v", i, got[i].Bytes(), want[i].Bytes())
			}
			continue
		}
		a, b := must(tensor.Data[float32](got[i])), must(tensor.Data[float32](want[i]))
		for k := range b {
			if same := a[k] == b[k] || a[k] != a[k] && b[k] != b[k]; !same &&
				!(math.Abs(float64(a[k])-float64(b[k])) <= s.tolerance) {
				return fmt.Sprintf("result %d at %d is %v, want %v", i, k, a[k], b[k])
			}
		}
	}
	return ""
}

// odd returns a number for boxes and logits, sometimes one that is none.
func odd(r *rand.Rand, x float32, strange bool) float32 {
	if strange && r.IntN(6) == 0 {
		return []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1))}[r.IntN(5)]
	}
	return x
}

// regions are proposals of a pyramid of levels that halve. Logits are in steps, so that many are equal.
func regions(name string, pictures, h, w, levels, pre, post int, strange bool) selection {
	r := rand.New(rand.NewPCG(uint64(h), uint64(w)))
	o := &op.Proposals{PreNMS: pre, PostNMS: post, NMSThreshold: 0.7, MinSize: 1e-3}
	sizes, v := floats(pictures, 2)
	for i := range pictures {
		v[2*i], v[2*i+1] = float32(h)-3.5*float32(i), float32(w)-float32(i)
	}
	image, _ := floats(pictures, 1, h, w)
	s := selection{name: name, op: o, in: []*tensor.Tensor{sizes, image}, out: 2}
	var deltas []*tensor.Tensor
	for l := range levels {
		stride := 4 << l
		side := float32(8 * stride)
		o.Anchors = append(o.Anchors, [][4]float32{{-side, -side / 2, side, side / 2}, {-side / 2, -side / 2, side / 2, side / 2},
			{-side / 2, -side, side / 2, side}})
		x, logits := floats(pictures, 3, max(h/stride, 1), max(w/stride, 1))
		d, moves := floats(pictures, 12, max(h/stride, 1), max(w/stride, 1))
		for i := range logits {
			logits[i] = odd(r, float32(math.Round(r.NormFloat64()*40)/10), strange)
		}
		for i := range moves {
			moves[i] = odd(r, float32(r.NormFloat64()*0.3), strange)
		}
		s.in, deltas = append(s.in, x), append(deltas, d)
	}
	s.in = append(s.in, deltas...)
	return s
}

// objects are detections of classes. Proposals come in groups of similar ones.
func objects(name string, given []int32, places, classes, most int, strange bool) selection {
	r := rand.New(rand.NewPCG(uint64(places), uint64(classes)))
	o := &op.Detections{ScoreThreshold: 0.05, NMSThreshold: 0.5, MinSize: 1e-2, Max: most, Weights: [4]float32{10, 10, 5, 5}}
	n := len(given)
	sizes, v := floats(n, 2)
	for i := range v {
		v[i] = 200 + 10*float32(i)
	}
	proposals, boxes := floats(n, places, 4)
	logits, x := floats(n*places, classes)
	deltas, d := floats(n*places, 4*classes)
	for i := 0; i < len(boxes); i += 4 {
		left, top := float32(r.IntN(8)*25)+r.Float32()*6, float32(r.IntN(8)*25)+r.Float32()*6
		copy(boxes[i:], []float32{left, top, left + 20 + 5*r.Float32(), top + 20 + 5*r.Float32()})
		boxes[i] = odd(r, boxes[i], strange)
	}
	for i := range x {
		x[i] = odd(r, float32(math.Round(r.NormFloat64()*4)), strange) // equal ones, and so equal scores
		if i%classes == 0 {
			x[i] = 1
		}
	}
	for i := range d {
		d[i] = odd(r, float32(r.NormFloat64()), strange && i%17 == 0)
	}
	return selection{name: name, op: o, in: []*tensor.Tensor{sizes, proposals, counts(given...), logits, deltas}, out: 4}
}

// pools are boxes of all sizes, some without one, pooled from four levels.
func pools(name string, given []int32, places, channels, size int, strange bool) selection {
	r := rand.New(rand.NewPCG(uint64(places), uint64(channels)))
	o := &op.RoIAlign{Size: size, Sampling: 2, Scales: []float64{0.25, 0.125, 0.0625, 0.03125}, CanonicalScale: 224, CanonicalLevel: 4}
	boxes, v := floats(len(given), places, 4)
	for i := 0; i < len(v); i += 4 {
		side := math.Exp2(2 + 8*r.Float64())
		left, top := r.Float64()*256-side/3, r.Float64()*192-side/3
		b := []float64{left, top, left + side, top + side*(0.5+r.Float64())}
		for k := range b {
			v[i+k] = odd(r, float32(b[k]), strange)
		}
	}
	s := selection{name: name, op: o, in: []*tensor.Tensor{boxes, counts(given...)}, out: 1, tolerance: 2e-6}
	for l := range o.Scales {
		x, pixels := floats(len(given), channels, 48>>l, 64>>l)
		for i := range pixels {
			pixels[i] = r.Float32()*2 - 1
		}
		s.in = append(s.in, x)
	}
	return s
}

// choices are masks of classes, some of which there are not.
func choices(name string, given []int32, places, classes, size int) selection {
	r := rand.New(rand.NewPCG(uint64(places), uint64(classes)))
	labels := must(tensor.New(tensor.Int64, len(given), places))
	for i := range must(tensor.Data[int64](labels)) {
		must(tensor.Data[int64](labels))[i] = int64(r.IntN(classes+2)) - 1
	}
	logits, x := floats(len(given)*places, classes, size, size)
	for i := range x {
		x[i] = odd(r, float32(r.NormFloat64()*4), true)
	}
	return selection{name: name, op: &op.MaskSelect{}, in: []*tensor.Tensor{logits, labels, counts(given...)}, out: 1}
}

// heats are heat maps of objects, of which many numbers are equal.
func heats(name string, given []int32, places, kinds, size, scale int, strange bool) selection {
	r := rand.New(rand.NewPCG(uint64(places), uint64(size)))
	boxes, v := floats(len(given), places, 4)
	for i := 0; i < len(v); i += 4 {
		left, top := r.Float32()*50, r.Float32()*50
		copy(v[i:], []float32{left, top, left + 45*r.Float32(), top + 60*r.Float32()})
		for k := range 4 {
			v[i+k] = odd(r, v[i+k], strange)
		}
	}
	if strange {
		v[1] = float32(math.NaN())
	}
	maps, x := floats(len(given)*places, kinds, size, size)
	for i := range x {
		x[i] = odd(r, float32(math.Round(r.NormFloat64())), strange && i%11 == 0)
	}
	return selection{name: name, op: &op.Keypoints{Scale: scale}, in: []*tensor.Tensor{maps, boxes, counts(given...)}, out: 1}
}

func selections() []selection {
	return append(drawings(), []selection{
		regions("proposals, few", 3, 32, 48, 2, 37, 23, false),
		regions("proposals, strange", 2, 64, 64, 5, 100, 150, true),
		regions("proposals, many levels", 2, 64, 96, 7, 50, 60, false),
		regions("proposals, shifted", 1, 64, 96, 3, 400, 1000, false),
		objects("detections, few", []int32{40, 0, 25}, 40, 5, 17, false),
		objects("detections, strange", []int32{70, 33}, 70, 9, 100, true),
		objects("detections, class by class", []int32{300}, 320, 7, 100, false),
		pools("boxes", []int32{9, 0, 30, -1}, 20, 18, 7, false),
		pools("strange boxes", []int32{40}, 40, 5, 3, true),
		choices("masks", []int32{5, 0, 9, 2}, 7, 11, 6),
		heats("keypoints", []int32{3, 0, 1, 2}, 3, 5, 6, 2, false),
		heats("strange keypoints", []int32{9}, 9, 2, 7, 1, true),
	}...)
}

// real are those of 1000 proposals and 91 classes. Levels of more than a tile of anchors are sorted in tiles.
func real() []selection {
	return []selection{
		regions("proposals of a picture", 1, 320, 480, 5, 1000, 1000, false),
		objects("detections of a picture", []int32{1000}, 1000, 91, 100, false),
		objects("detections of many proposals", []int32{5000}, 5000, 3, 100, false),
		pools("masks of a picture", []int32{100}, 100, 64, 14, false),
		choices("masks of 91 classes", []int32{100}, 100, 91, 28),
	}
}

// TestSelections holds the operators of a detector against the CPU's in every order of threads, and those of a real size in
// one, or all with -full.
func TestSelections(t *testing.T) {
	fake := fakedriver.New(t)
	gpu := open(t, fake)
	check := func(list []selection, orders int) {
		for i, s := range list {
			want := must(s.run(kernels.CPU()))
			for k := range orders {
				order := (i + k) % fakedriver.Orders
				fake.SetOrder(order)
				if wrong := s.wrong(gpu, want); wrong != "" {
					t.Errorf("%s, order %d: %s", s.name, order, wrong)
				}
			}
		}
	}
	check(selections(), fakedriver.Orders)
	orders := 1
	if *full {
		orders = fakedriver.Orders
	}
	check(real(), orders)
}

// TestSelectionMistakes has mistakes in the kernels, each of which must be seen in one of the selections and orders.
func TestSelectionMistakes(t *testing.T) {
	for _, m := range []struct{ name, source, was, is string }{
		{"no barrier before bits are read", "nms.cu", "[part] = bits;\n\t\t__syncthreads();", "[part] = bits;"},
		{"no barrier before the chosen are read", "nms.cu", "keep = ones;\n\t\t}\n\t\t__syncthreads();", "keep = ones;\n\t\t}"},
		{"no barrier after the boxes", "nms.cu", "chunk[j] = b;\n\t\t__syncthreads();", "chunk[j] = b;"},
		{"no zeros behind the last", "nms.cu", "if (at >= sum && at < d) {", "if (at > sum && at < d) {"},
		{"no barrier before keys are counted", "topk.cu", "sorted next\n\t__syncthreads();", "sorted next"},
		{"one key too few", "topk.cu", "i < length; i += THREADS) keys", "i < length - 1; i += THREADS) keys"},
		{"one tile's rank", "proposals.cu", "rank(tiles, v.tiles(), k, key, k)", "rank(tiles, 1, k, key, k)"},
		{"the level's stride across", "proposals.cu", "(height / v.h)", "(width / v.w + 1)"},
		{"another level's anchors", "proposals.cu", "anchors += v.a;", ""},
		{"another level's keys", "proposals.cu", "keys += (long long)gridDim.y * v.tiles() * v.keys(places);", ""},
		{"levels of other pictures", "proposals.cu", "tiles += (long long)pictures * entries;", "tiles += entries;"},
		{"a level with fewer anchors", "proposals.cu", "keys[first + i] = ABSENT;", ""},
		{"no wait before exponentials are added up", "detections.cu", "__syncwarp();\n\t\tfor", "for"},
		{"rows with gaps", "detections.cu", "row += used(i);", "row += places;"},
		{"a pixel beyond the last", "roialign.cu", "if (low >= size - 1)", "if (low >= size)"},
		{"an inverted box", "roialign.cu", "most(b.w * scale - top, 1)", "(b.w * scale - top)"},
		{"rows with gaps", "maskselect.cu", "row += used(i);", "row += d;"},
		{"rows with gaps", "keypoints.cu", "row += used(i);", "row += d;"},
		{"no barrier before keys are read", "keypoints.cu", "\t__syncthreads();\n", ""},
		{"column by column", "keypoints.cu", "(unsigned)line * columns + column", "(unsigned)column * lines + line"},
		{"a row too early", "keypoints.cu", "first < down.first; first++", "first < down.first - 1; first++"},
		{"no score of nothing", "keypoints.cu", "if (threadIdx.x < 3)", "if (threadIdx.x < 2)"},
		{"no barrier before values are read", "preprocess.cu", "\t__syncthreads();\n", ""},
		{"the first picture's pixels", "preprocess.cu", "pictures += n * bytes;", ""},
		{"a row's share of columns", "preprocess.cu", "column.high), column.share), row.share)", "column.high), row.share), row.share)"},
		{"no padding on the right", "preprocess.cu", "if (i < sh && j < sw)", "if (i < sh)"},
		{"more than there is room for", "preprocess.cu", " || h > bytes / (3 * sample) / w", ""},
		{"no ring", "maskpaste.cu", "? 0.f :", "? 1.f :"},
		{"one bit of a warp", "maskpaste.cu", "y[at] = bits;", "y[at] = bits & 1;"},
		{"cut down and not toward zero", "maskpaste.cu", "first = (long long)fminf(fmaxf(a, -far), far)", "first = (long long)floor(fmin(fmax(a, -far), far))"},
	} {
		t.Run(m.source+"/"+m.name, func(t *testing.T) {
			if !*full && m.name != "no barrier before bits are read" && m.source != "maskselect.cu" &&
				m.name != "no barrier before values are read" {
				t.Skip("NOT RUN without -full: each takes seconds to compile")
			}
			fake := fakedriver.NewWithMistake(t, m.source, m.was, m.is)
			gpu, err := cuda.Open(cuda.Options{Driver: fake.Path})
			if err != nil {
				t.Fatal(err)
			}
			defer gpu.Close() // with an error, if the mistake led to one
			list := selections()
			if m.name == "one tile's rank" {
				list = real()[:1] // of several tiles
			}
			for _, s := range list {
				want := must(s.run(kernels.CPU()))
				for order := range fakedriver.Orders {
					fake.SetOrder(order)
					if wrong := s.wrong(gpu, want); wrong != "" {
						t.Logf("seen in %s, order %d: %.200s", s.name, order, wrong)
						return
					}
				}
			}
			t.Error("nobody saw it")
		})
	}
}

// TestRefusedSelections has what there are no kernels for: Load says what.
func TestRefusedSelections(t *testing.T) {
	gpu := open(t, fakedriver.New(t))
	below, levels := objects("", []int32{1}, 1, 2, 1, false), pools("", []int32{1}, 1, 4, 1, false)
	below.op.(*op.Detections).NMSThreshold = -0.1
	levels.op.(*op.RoIAlign).Scales = []float64{1, 0.5, 0.25, 0.125, 0.0625, 0.03125}
	levels.in = append(levels.in, levels.in[2], levels.in[3])
	for _, s := range []selection{below, levels} {
		_, err := s.run(gpu)
		if e, ok := errors.AsType[*op.UnsupportedError](err); !ok || len(e.Missing) != 1 {
			t.Errorf("%s: %v; want one thing that is not supported", s.op.Name(), err)
		}
	}
}

// TestMaskRCNN holds a whole detector of a small picture against the CPU's.
func TestMaskRCNN(t *testing.T) {
	src, err := loaders.OpenReaderAt(bytes.NewReader(shapes.Model()), int64(len(shapes.Model())), "model_f16.pth")
	if err != nil {
		t.Fatal(err)
	}
	data := must(fs.ReadFile(shapes.Pictures(), "s256.png"))
	img := must(png.Decode(bytes.NewReader(data)))
	detect := func(b op.Backend) *vision.Detections {
		d, err := vision.NewDetector(context.Background(), b, src, vision.WithMinSize(96), vision.WithMaxSize(128),
			vision.WithMaxDetections(12), vision.WithScoreThreshold(0.02))
		if err != nil {
			t.Fatal(err)
		}
		found, err := d.Detect(context.Background(), img)
		if err != nil {
			t.Fatal(err)
		}
		again, err := d.Detect(context.Background(), img) // as a CUDA graph
		if err != nil || !reflect.DeepEqual(found, again) {
			t.Errorf("the second time %v (%v), the first time %v", again, err, found)
		}
		bitmaps, err := d.Bitmaps(context.Background(), found)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found.Masks {
			if bitmaps[i].RLE() != found.Masks[i].RLE(vision.MaskThreshold) {
				t.Errorf("object %d has other pixels than its mask", i)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		return found
	}
	got, want := detect(open(t, fakedriver.New(t))), detect(kernels.CPU())
	if len(want.Labels) < 2 || fmt.Sprint(got.Labels) != fmt.Sprint(want.Labels) {
		t.Fatalf("labels %v, want %v", got.Labels, want.Labels)
	}
	var box, score, mask float64
	for i := range want.Labels {
		score = max(score, math.Abs(float64(got.Scores[i]-want.Scores[i])))
		for k := range want.Boxes[i] {
			box = max(box, math.Abs(float64(got.Boxes[i][k]-want.Boxes[i][k])))
		}
		for k, p := range want.Masks[i].Probs {
			mask = max(mask, math.Abs(float64(got.Masks[i].Probs[k]-p)))
		}
	}
	t.Logf("%d objects: boxes differ by at most %.2g pixels, scores by %.2g, masks by %.2g", len(want.Labels), box, score, mask)
	if !(box <= 1e-3 && score <= 1e-5 && mask <= 1e-3) {
		t.Errorf("boxes differ by %v pixels, scores by %v, masks by %v", box, score, mask)
	}
}
