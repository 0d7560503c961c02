package optest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

func TestReference(t *testing.T) { Run(t, Reference(), "cost/no allocation after warm-up") }

// failures runs the cases whose names begin with only, and stops at the first
// failure.
func failures(b op.Backend, only string) (failed []string, ran int) {
	for _, c := range cases() {
		if !strings.HasPrefix(c.name, only) || c.skip != "" {
			continue
		}
		ran++
		if err := c.verdict(b, nil); err != nil {
			return append(failed, fmt.Sprintf("%s: %v", c.name, err)), ran
		}
	}
	return nil, ran
}

// mutant is the reference with one operator broken: change may rewrite the
// operator and its operands before, or the results after.
func mutant[O op.Op](change func(o O, run func(o O, in []*tensor.Tensor), out, in []*tensor.Tensor)) op.Backend {
	return &reference{"mutant", func(o op.Op, out, in []*tensor.Tensor) (err error) {
		mine, ok := o.(O)
		if !ok {
			return evaluate(o, out, in)
		}
		run := func(o O, in []*tensor.Tensor) { err = evaluate(o, out, in) }
		change(mine, run, out, in)
		return err
	}}
}

// attributes is a mutant of other attributes.
func attributes[T any, O interface {
	*T
	op.Op
}](change func(o O)) op.Backend {
	return mutant(func(o O, run func(O, []*tensor.Tensor), _, in []*tensor.Tensor) {
		c := *o
		change(&c)
		run(&c, in)
	})
}

// results is a mutant that spoils what was right.
func results[O op.Op](spoil func(o O, out, in []*tensor.Tensor)) op.Backend {
	return mutant(func(o O, run func(O, []*tensor.Tensor), out, in []*tensor.Tensor) {
		run(o, in)
		spoil(o, out, in)
	})
}

// operand is a mutant that reads other numbers in operand i.
func operand[O op.Op](i int, change func(v []float32, t *tensor.Tensor)) op.Backend {
	return mutant(func(o O, run func(O, []*tensor.Tensor), _, in []*tensor.Tensor) {
		in = slices.Clone(in)
		in[i] = in[i].Clone()
		change(floats(in[i]), in[i])
		run(o, in)
	})
}

// rounded drops the lowest bits of float32 numbers.
func rounded(w *tensor.Tensor, bits int) *tensor.Tensor {
	v := slices.Clone(numbers(w))
	for i, f := range v {
		half := uint32(1) << (bits - 1)
		v[i] = math.Float32frombits((math.Float32bits(f) + half) &^ (1<<bits - 1))
	}
	return of(v, w.Shape()...)
}

// mutants are operators broken on purpose, and the cases that have to notice.
var mutants = []struct {
	name, cases string
	backend     op.Backend
}{
	{"padding off by one", "conv2d/", attributes(func(o *op.Conv2d) { o.Padding[0]++; o.Padding[1]++ })},
	{"padding off by one", "network/random", attributes(func(o *op.Conv2d) { o.Padding[1]++ })},
	{"swapped strides", "conv2d/3 to 5", attributes(func(o *op.Conv2d) { o.Stride[0], o.Stride[1] = o.Stride[1], o.Stride[0] })},
	{"no dilation", "conv2d/19", attributes(func(o *op.Conv2d) { o.Dilation = sq(1) })},
	{"swapped dilations", "conv2d/3 to 5", attributes(func(o *op.Conv2d) {
		o.Dilation[0], o.Dilation[1] = o.Dilation[1], o.Dilation[0]
	})},
	{"dropped residual", "conv2d/", attributes(func(o *op.Conv2d) { o.Residual = op.NoResidual })},
	{"dropped residual", "network/random", attributes(func(o *op.Conv2d) { o.Residual = op.NoResidual })},
	{"dropped residual", "linear/", attributes(func(o *op.Linear) { o.Residual = op.NoResidual })},
	{"dropped residual", "conv_transpose2d/", attributes(func(o *op.ConvTranspose2d) { o.Residual = op.NoResidual })},
	{"dropped bias", "conv2d/", attributes(func(o *op.Conv2d) { o.Bias = nil })},
	{"dropped scale", "linear/", attributes(func(o *op.Linear) { o.Scale = nil })},
	{"dropped activation", "conv2d/", attributes(func(o *op.Conv2d) { o.Act = op.NoAct })},
	{"wrong activation", "conv2d/", attributes(func(o *op.Conv2d) { o.Act = o.Act * 2 % 3 })},
	{"hardswish for silu", "conv2d/activation/silu", attributes(func(o *op.Conv2d) { o.Act = op.HardSwish })},
	{"silu for hardswish", "conv2d/activation/hardswish", attributes(func(o *op.Conv2d) { o.Act = op.SiLU })},
	{"sigmoid for hardsigmoid", "linear/activation/hardsigmoid", attributes(func(o *op.Linear) { o.Act = op.Sigmoid })},
	{"no 6 in relu6", "linear/activation/relu6", attributes(func(o *op.Linear) { o.Act = op.ReLU })},
	{"no 6 in relu6", "conv_transpose2d/activation/relu6", attributes(func(o *op.ConvTranspose2d) { o.Act = op.ReLU })},
	{"gelu by sigmoid", "activation/gelu", results(func(o *op.Activation, out, in []*tensor.Tensor) {
		for i, x := range floats(in[0]) {
			floats(out[0])[i] = float32(act(op.SiLU, 1.702*float64(x)) / 1.702)
		}
	})},
	{"silu of −∞ is 0", "activation/silu/NaN", results(func(o *op.Activation, out, in []*tensor.Tensor) {
		for i, x := range floats(in[0]) {
			if math.IsInf(float64(x), -1) {
				floats(out[0])[i] = 0
			}
		}
	})},
	{"relu6 of NaN is 0", "activation/relu6/NaN", operand[*op.Activation](0, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			if isNaN(v[i]) {
				v[i] = 0
			}
		}
	})},
	{"activation before the residual", "conv2d/activation/relu6", mutant(
		func(o *op.Conv2d, run func(*op.Conv2d, []*tensor.Tensor), out, in []*tensor.Tensor) {
			c := *o
			c.Residual = op.NoResidual
			run(&c, in[:1])
			for i, r := range floats(in[1]) {
				floats(out[0])[i] += r
			}
		})},
	{"wrong activation", "activation/", attributes(func(o *op.Activation) { o.Act = op.ReLU })},
	{"bias before scale", "conv2d/", attributes(func(o *op.Conv2d) {
		o.Bias = slices.Clone(o.Bias)
		for c := range o.Bias {
			if o.Scale != nil {
				o.Bias[c] *= o.Scale[c]
			}
		}
	})},
	{"skipped tail channel of 512", "conv2d/512 to 512 k3x3 p", results(func(o *op.Conv2d, out, _ []*tensor.Tensor) {
		if s := out[0].Shape(); s[1] == 512 {
			clear(plane(out[0], s[0]-1, s[1]-1))
		}
	})},
	{"unwritten tail channel", "conv2d/17", results(func(o *op.Conv2d, out, _ []*tensor.Tensor) {
		if s := out[0].Shape(); s[1]%8 == 1 && s[0] > 0 {
			p := plane(out[0], 0, s[1]-1)
			for i := range p {
				p[i] = float32(math.NaN())
			}
		}
	})},
	{"skipped tail column", "linear/2048", results(func(o *op.Linear, out, _ []*tensor.Tensor) {
		if s := out[0].Shape(); s[0] > 0 && s[1] == 1000 {
			plane(out[0], s[0]-1, 999)[0] = 0
		}
	})},
	{"skipped last product of 2048", "conv2d/2048", attributes(func(o *op.Conv2d) {
		if k := o.Weight.Shape(); k[1] == 2048 {
			o.Weight = o.Weight.Clone()
			for out := range k[0] {
				plane(o.Weight, out, 2047)[0] = 0
			}
		}
	})},
	{"one wrong pixel", "conv2d/", results(func(o *op.Conv2d, out, _ []*tensor.Tensor) {
		if v := floats(out[0]); len(v) > 1000 {
			v[len(v)-1] *= 1.001
		}
	})},
	{"the second picture is the first", "conv2d/", results(func(o *op.Conv2d, out, _ []*tensor.Tensor) {
		if s := out[0].Shape(); s[0] > 1 {
			n := s[1:].Len()
			copy(floats(out[0])[n:2*n], floats(out[0])[:n])
		}
	})},
	{"weights of 11 bits", "conv2d/", attributes(func(o *op.Conv2d) { o.Weight = rounded(o.Weight, 13) })},
	{"weights of 11 bits", "linear/", attributes(func(o *op.Linear) { o.Weight = rounded(o.Weight, 13) })},
	{"half read as bfloat16", "conv2d/13", attributes(func(o *op.Conv2d) {
		if o.Weight.DType() == tensor.Float16 {
			o.Weight = must(tensor.FromBytes(tensor.BFloat16, o.Weight.Shape(), o.Weight.Bytes(), nil))
		}
	})},
	{"transposed kernel", "conv_transpose2d/", attributes(func(o *op.ConvTranspose2d) {
		if k := o.Weight.Shape(); o.Weight.DType() == tensor.Float32 && k[2] == k[3] {
			w := o.Weight.Clone()
			for c := range k[0] {
				for out := range k[1] {
					for i := range k[2] * k[3] {
						plane(w, c, out)[i] = plane(o.Weight, c, out)[i%k[2]*k[2]+i/k[2]]
					}
				}
			}
			o.Weight = w
		}
	})},
	{"no padding", "conv_transpose2d/", attributes(func(o *op.ConvTranspose2d) { o.Padding = sq(0) })},
	{"no eps", "batch_norm/", attributes(func(o *op.BatchNorm2d) { o.Eps = 0 })},
	{"no eps", "layer_norm/", attributes(func(o *op.LayerNorm) { o.Eps = 0 })},
	{"variance of one less", "layer_norm/", results(func(o *op.LayerNorm, out, _ []*tensor.Tensor) {
		c := float64(out[0].Shape()[1])
		for n := range out[0].Shape()[0] {
			for i, beta := range numbers(o.Bias) {
				for p, y := range plane(out[0], n, i) {
					plane(out[0], n, i)[p] = float32(float64(y-beta)*math.Sqrt((c-1)/c)) + beta
				}
			}
		}
	})},
	{"norm over the image", "layer_norm/", mutant(
		func(o *op.LayerNorm, _ func(*op.LayerNorm, []*tensor.Tensor), out, in []*tensor.Tensor) {
			c := out[0].Shape()[1]
			mean, variance := empty(tensor.Float32, c), empty(tensor.Float32, c)
			for i := range c {
				floats(variance)[i] = 1
			}
			norm := &op.BatchNorm2d{Weight: o.Weight, Bias: o.Bias, Mean: mean, Var: variance, Eps: o.Eps}
			batchNorm2d(norm, out[0], in[0])
		})},
	{"one head", "scaled_dot_product_attention/", attributes(func(o *op.Attention) { o.Heads = 1 })},
	{"not divided by √d", "scaled_dot_product_attention/", operand[*op.Attention](0, func(v []float32, t *tensor.Tensor) {
		for i := range len(v) / max(3*t.Shape()[0], 1) {
			v[i] *= 4
		}
	})},
	{"values of the last token left out", "scaled_dot_product_attention/1 pictures 2 heads of 64", operand[*op.Attention](0,
		func(v []float32, t *tensor.Tensor) {
			for c := range t.Shape()[1] / 3 {
				p := plane(t, t.Shape()[0]-1, 2*t.Shape()[1]/3+c)
				p[len(p)-1] = 0
			}
		})},
	{"the class token last", "tokens/", results(func(_ *op.Tokens, out, _ []*tensor.Tensor) {
		if s := out[0].Shape(); s.Len() > 0 {
			p := plane(out[0], 0, 0)
			p[0], p[len(p)-1] = p[len(p)-1], p[0]
		}
	})},
	{"no position for the class token", "tokens/", attributes(func(o *op.Tokens) {
		p := of(slices.Clone(numbers(o.Positions)), o.Positions.Shape()...)
		clear(floats(p)[:p.Shape()[1]])
		o.Positions = p
	})},
	{"the pixel before", "select/", attributes(func(o *op.Select) { o.Index = max(o.Index-1, 0) })},
	{"one operand twice", "add/", mutant(func(o *op.Add, run func(*op.Add, []*tensor.Tensor), _, in []*tensor.Tensor) {
		run(o, []*tensor.Tensor{in[0], in[0]})
	})},
	{"one scale for all pictures", "mul/channels", results(func(_ *op.Mul, out, in []*tensor.Tensor) {
		if s := out[0].Shape(); len(s) == 4 && s.Len() > 0 && in[1].Len() < out[0].Len() {
			for n := range s[0] {
				for c := range s[1] {
					for i, x := range plane(in[0], n, c) {
						plane(out[0], n, c)[i] = x * plane(in[1], 0, c)[0]
					}
				}
			}
		}
	})},
	{"the sum for the product", "mul/", results(func(_ *op.Mul, out, in []*tensor.Tensor) {
		if in[0].Len() == in[1].Len() {
			add(out[0], in[0], in[1])
		}
	})},
	{"padding of zeros", "max_pool2d/", results(func(o *op.MaxPool2d, out, _ []*tensor.Tensor) {
		if s := out[0].Shape(); o.Padding != sq(0) && s[0] > 0 {
			floats(out[0])[0] = max(floats(out[0])[0], 0)
		}
	})},
	{"NaN ignored", "max_pool2d/", operand[*op.MaxPool2d](0, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			if isNaN(v[i]) {
				v[i] = float32(math.Inf(-1))
			}
		}
	})},
	{"sum for mean", "adaptive_avg_pool2d/", results(func(o *op.GlobalAvgPool2d, out, in []*tensor.Tensor) {
		for i := range floats(out[0]) {
			floats(out[0])[i] *= float32(in[0].Shape()[3])
		}
	})},
	{"channels last", "flatten/", operand[*op.Flatten](0, func(v []float32, t *tensor.Tensor) {
		if s := t.Shape(); len(s) == 4 {
			x, n := slices.Clone(v), s[2]*s[3]
			for i := range v {
				p, c, pixel := i/(s[1]*n), i%s[1], i%(s[1]*n)/s[1]
				v[i] = x[(p*s[1]+c)*n+pixel]
			}
		}
	})},
	{"exact quotients", "interpolate/", results(func(o *op.Upsample, out, in []*tensor.Tensor) {
		x, y := in[0].Shape(), out[0].Shape()
		for n := range y[0] {
			for c := range y[1] {
				for i := range y[2] * y[3] {
					row, column := i/y[3]*x[2]/y[2], i%y[3]*x[3]/y[3]
					plane(out[0], n, c)[i] = plane(in[0], n, c)[row*x[3]+column]
				}
			}
		}
	})},
	{"nearest", "interpolate/bilinear/", attributes(func(o *op.Upsample) { o.Bilinear = false })},
	{"the second row is the first", "interpolate/bilinear/", results(func(_ *op.Upsample, out, _ []*tensor.Tensor) {
		if y := out[0].Shape(); y[2] > 1 && y[0] > 0 {
			copy(floats(out[0])[y[3]:2*y[3]], floats(out[0])[:y[3]])
		}
	})},
	{"operands in reverse", "cat/", mutant(func(o *op.Concat, run func(*op.Concat, []*tensor.Tensor), _, in []*tensor.Tensor) {
		in = slices.Clone(in)
		slices.Reverse(in)
		run(o, in)
	})},
	{"pictures one after the other", "cat/", results(func(_ *op.Concat, out, in []*tensor.Tensor) {
		at := 0
		for _, x := range in {
			at += copy(floats(out[0])[at:], floats(x))
		}
	})},
	{"blue first", "preprocess/", attributes(func(o *op.Preprocess) {
		o.Values[0], o.Values[2] = o.Values[2], o.Values[0]
	})},
	{"padding of black", "preprocess/", results(func(o *op.Preprocess, out, _ []*tensor.Tensor) {
		if h, w := int(floats(out[1])[0]), out[0].Shape()[3]; h < out[0].Shape()[2] {
			floats(out[0])[h*w] = o.Values[0][0]
		}
	})},
	{"scaled to another size", "preprocess/", mutant(
		func(o *op.Preprocess, run func(*op.Preprocess, []*tensor.Tensor), _, in []*tensor.Tensor) {
			sizes := in[1].Clone()
			for n := range sizes.Shape()[0] {
				data[int32](sizes)[5*n+2]--
			}
			run(o, []*tensor.Tensor{in[0], sizes, in[2]})
		})},
	{"scaled with rounded normalisation", "preprocess/", attributes(func(o *op.Preprocess) {
		for c := range o.Values {
			for v := range o.Values[c] {
				o.Values[c][v] *= 1 + 1e-6
			}
		}
	})},
	{"heights and widths swapped", "preprocess/", results(func(_ *op.Preprocess, out, _ []*tensor.Tensor) {
		if v := floats(out[1]); len(v) > 0 {
			v[0], v[1] = v[1], v[0]
		}
	})},
	{"another threshold", "mask_paste/", attributes(func(o *op.MaskPaste) { o.Threshold += 0.01 })},
	{"strictly above", "mask_paste/", attributes(func(o *op.MaskPaste) { o.Threshold = math.Nextafter32(o.Threshold, 1) })},
	{"boxes half a pixel off", "mask_paste/", operand[*op.MaskPaste](1, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			v[i] += 0.5
		}
	})},
	{"nearest residual from the next row", "conv2d/epilogue", mutant(
		func(o *op.Conv2d, run func(*op.Conv2d, []*tensor.Tensor), _, in []*tensor.Tensor) {
			if o.Residual == op.NearestResidual {
				r, w := in[1].Clone(), in[1].Shape()[3]
				copy(floats(r), floats(in[1])[w:])
				in = []*tensor.Tensor{in[0], r}
			}
			run(o, in)
		})},

	{"centres of pixels at halves", "roi_align/", operand[*op.RoIAlign](0, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			v[i] -= 2
		}
	})},
	{"one sample per bin", "roi_align/", attributes(func(o *op.RoIAlign) { o.Sampling = 1 })},
	{"another level", "roi_align/", attributes(func(o *op.RoIAlign) { o.CanonicalScale *= 1.1 })},
	{"rows with gaps", "roi_align/", results(func(o *op.RoIAlign, out, in []*tensor.Tensor) {
		if counts := rows(in[1], in[0].Shape()[1]); len(counts) > 1 {
			row := out[0].Shape()[1:].Len()
			from, to := counts[0]*row, in[0].Shape()[1]*row
			copy(floats(out[0])[to:], slices.Clone(floats(out[0])[from:]))
			clear(floats(out[0])[from:to])
		}
	})},

	{"higher threshold", "proposals/", attributes(func(o *op.Proposals) { o.NMSThreshold += 0.05 })},
	{"lower threshold", "proposals/", attributes(func(o *op.Proposals) { o.NMSThreshold -= 0.05 })},
	{"no least size", "proposals/", attributes(func(o *op.Proposals) { o.MinSize = 0 })},
	{"larger and not as large", "proposals/", attributes(func(o *op.Proposals) { o.MinSize *= 1.0001 })},
	{"no score threshold", "proposals/", attributes(func(o *op.Proposals) { o.ScoreThreshold = 0 })},
	{"one less of a level", "proposals/", attributes(func(o *op.Proposals) { o.PreNMS-- })},
	{"height and width swapped", "proposals/", operand[*op.Proposals](0, func(v []float32, _ *tensor.Tensor) {
		for n := range len(v) / 2 {
			v[2*n], v[2*n+1] = v[2*n+1], v[2*n]
		}
	})},
	{"clipped to the first picture", "proposals/", operand[*op.Proposals](0, func(v []float32, _ *tensor.Tensor) {
		for n := range len(v) / 2 {
			copy(v[2*n:], v[:2])
		}
	})},
	{"equal logits in another order", "proposals/", operand[*op.Proposals](2, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			v[i] += float32(i) * 1e-6
		}
	})},
	{"suppressed in the order of logits", "proposals/scores of one", mutant(
		func(o *op.Proposals, run func(*op.Proposals, []*tensor.Tensor), _, in []*tensor.Tensor) {
			in = slices.Clone(in)
			for l := range o.Anchors {
				in[2+l] = in[2+l].Clone()
				for i := range floats(in[2+l]) {
					floats(in[2+l])[i] /= 8
				}
			}
			run(o, in)
		})},
	{"sizes clipped at e⁴", "proposals/decoding", mutant(
		func(o *op.Proposals, run func(*op.Proposals, []*tensor.Tensor), _, in []*tensor.Tensor) {
			in = slices.Clone(in)
			for l := 2 + len(o.Anchors); l < len(in); l++ {
				in[l] = in[l].Clone()
				for i, v := range floats(in[l]) {
					floats(in[l])[i] = min(v, 4)
				}
			}
			run(o, in)
		})},
	{"no counts", "proposals/", results(func(_ *op.Proposals, out, _ []*tensor.Tensor) { data[int32](out[1])[0]++ })},
	{"levels suppress each other", "proposals/shifted at once", suppressing(func(c *candidates, threshold float64) []int {
		return nms(c.boxes, c.scores, threshold)
	})},
	{"always shifted", "proposals/", suppressing(shiftedNMS)},
	{"never shifted", "proposals/", suppressing(eachNMS)},

	{"higher threshold", "detections/", attributes(func(o *op.Detections) { o.NMSThreshold += 0.05 })},
	{"lower threshold", "detections/", attributes(func(o *op.Detections) { o.NMSThreshold -= 0.05 })},
	{"at least the threshold", "detections/", attributes(func(o *op.Detections) { o.NMSThreshold = math.Nextafter(o.NMSThreshold, 0) })},
	{"no least size", "detections/", attributes(func(o *op.Detections) { o.MinSize = 0 })},
	{"larger and not as large", "detections/", attributes(func(o *op.Detections) { o.MinSize *= 1.0001 })},
	{"lower score threshold", "detections/", attributes(func(o *op.Detections) { o.ScoreThreshold -= 0.02 })},
	{"swapped weights", "detections/", attributes(func(o *op.Detections) { o.Weights[0], o.Weights[1] = o.Weights[1], o.Weights[0] })},
	{"label off by one", "detections/", results(func(_ *op.Detections, out, _ []*tensor.Tensor) {
		for i := range data[int64](out[1]) {
			data[int64](out[1])[i]--
		}
	})},
	{"always shifted", "detections/", suppressing(shiftedNMS)},
	{"never shifted", "detections/", suppressing(eachNMS)},
	{"classes suppress each other", "detections/", suppressing(func(c *candidates, threshold float64) []int {
		return nms(c.boxes, c.scores, threshold)
	})},
	{"sizes clipped at e⁴", "detections/decoding", operand[*op.Detections](4, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			if i%4 >= 2 {
				v[i] = min(v[i], 5*4)
			}
		}
	})},
	{"unused places not cleared", "detections/", results(func(o *op.Detections, out, _ []*tensor.Tensor) {
		if v := floats(out[2]); len(v) > 0 && v[len(v)-1] == 0 {
			v[len(v)-1] = 1e-7
		}
	})},

	{"no weight", "normalize/", attributes(func(o *op.L2Norm) {
		o.Weight = o.Weight.Clone()
		for i := range o.Weight.Len() {
			switch o.Weight.DType() {
			case tensor.Float32:
				floats(o.Weight)[i] = 1
			}
		}
	})},
	{"no least length", "normalize/short", mutant(
		func(o *op.L2Norm, run func(*op.L2Norm, []*tensor.Tensor), _, in []*tensor.Tensor) {
			x := in[0].Clone()
			for i, v := range floats(x) {
				floats(x)[i] = v * 1e12 // up to those that are squared to infinity
			}
			run(o, []*tensor.Tensor{x})
		})},

	{"higher threshold", "ssd_detections/", attributes(func(o *op.SSDDetections) { o.NMSThreshold += 0.05 })},
	{"lower threshold", "ssd_detections/", attributes(func(o *op.SSDDetections) { o.NMSThreshold -= 0.05 })},
	{"lower score threshold", "ssd_detections/", attributes(func(o *op.SSDDetections) { o.ScoreThreshold -= 0.02 })},
	{"one candidate less", "ssd_detections/", attributes(func(o *op.SSDDetections) { o.Candidates-- })},
	{"swapped weights", "ssd_detections/", attributes(func(o *op.SSDDetections) {
		o.Weights[0], o.Weights[1] = o.Weights[1], o.Weights[0]
	})},
	{"no steps", "ssd_detections/", attributes(func(o *op.SSDDetections) { o.Steps = nil })},
	{"heights for widths", "ssd_detections/", attributes(func(o *op.SSDDetections) {
		o.DefaultBoxes = slices.Clone(o.DefaultBoxes)
		for l := range o.DefaultBoxes {
			o.DefaultBoxes[l] = slices.Clone(o.DefaultBoxes[l])
			for a, b := range o.DefaultBoxes[l] {
				o.DefaultBoxes[l][a] = [2]float32{b[1], b[0]}
			}
		}
	})},
	{"clipped to the first picture", "ssd_detections/", operand[*op.SSDDetections](0, func(v []float32, _ *tensor.Tensor) {
		for n := range len(v) / 2 {
			copy(v[2*n:], v[:2])
		}
	})},
	{"always shifted", "ssd_detections/", suppressing(shiftedNMS)},
	{"never shifted", "ssd_detections/", suppressing(eachNMS)},
	{"classes suppress each other", "ssd_detections/", suppressing(func(c *candidates, threshold float64) []int {
		return nms(c.boxes, c.scores, threshold)
	})},
	{"equal scores in another order", "ssd_detections/equal", operand[*op.SSDDetections](2,
		func(v []float32, _ *tensor.Tensor) {
			for i := range v {
				v[i] += float32(i) * 1e-6
			}
		})},
	{"unused places not cleared", "ssd_detections/", results(func(_ *op.SSDDetections, out, _ []*tensor.Tensor) {
		if v := floats(out[2]); len(v) > 0 && v[len(v)-1] == 0 {
			v[len(v)-1] = 1e-7
		}
	})},

	{"higher threshold", "dense_detections/", attributes(func(o *op.DenseDetections) { o.NMSThreshold += 0.05 })},
	{"lower threshold", "dense_detections/", attributes(func(o *op.DenseDetections) { o.NMSThreshold -= 0.05 })},
	{"lower score threshold", "dense_detections/", attributes(func(o *op.DenseDetections) {
		o.ScoreThreshold = max(o.ScoreThreshold-1e-6, 0)
	})},
	{"at least the score threshold", "dense_detections/", attributes(func(o *op.DenseDetections) {
		o.ScoreThreshold = float64(math.Nextafter32(float32(o.ScoreThreshold), 0))
	})},
	{"one less of a level", "dense_detections/", attributes(func(o *op.DenseDetections) { o.Candidates = max(o.Candidates-1, 0) })},
	{"the first class is the background", "dense_detections/", operand[*op.DenseDetections](2, func(v []float32, t *tensor.Tensor) {
		for n := range t.Shape()[0] {
			for i := range plane(t, n, 0) {
				plane(t, n, 0)[i] = -40
			}
		}
	})},
	{"clipped to the first picture", "dense_detections/", operand[*op.DenseDetections](0, func(v []float32, _ *tensor.Tensor) {
		for n := range len(v) / 2 {
			copy(v[2*n:], v[:2])
		}
	})},
	{"equal scores in another order", "dense_detections/", operand[*op.DenseDetections](2, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			v[i] += float32(i) * 1e-6
		}
	})},
	{"sizes clipped at e⁴", "dense_detections/decoding", mutant(
		func(o *op.DenseDetections, run func(*op.DenseDetections, []*tensor.Tensor), _, in []*tensor.Tensor) {
			in = slices.Clone(in)
			for l := range o.Anchors {
				in[2+len(o.Anchors)+l] = in[2+len(o.Anchors)+l].Clone()
				for i, v := range floats(in[2+len(o.Anchors)+l]) {
					floats(in[2+len(o.Anchors)+l])[i] = min(v, 4)
				}
			}
			run(o, in)
		})},
	{"no root", "dense_detections/centerness", results(func(_ *op.DenseDetections, out, _ []*tensor.Tensor) {
		for i, v := range floats(out[2]) {
			floats(out[2])[i] = v * v
		}
	})},
	{"no centerness", "dense_detections/centerness", mutant(
		func(o *op.DenseDetections, run func(*op.DenseDetections, []*tensor.Tensor), _, in []*tensor.Tensor) {
			in = slices.Clone(in)
			if o.Centerness {
				last := in[len(in)-1].Clone()
				for i := range floats(last) {
					floats(last)[i] = 40
				}
				in[len(in)-1] = last
			}
			run(o, in)
		})},
	{"always shifted", "dense_detections/", suppressing(shiftedNMS)},
	{"never shifted", "dense_detections/", suppressing(eachNMS)},
	{"classes suppress each other", "dense_detections/", suppressing(func(c *candidates, threshold float64) []int {
		return nms(c.boxes, c.scores, threshold)
	})},
	{"no eps", "group_norm/", attributes(func(o *op.GroupNorm) { o.Eps = 0 })},
	{"one group", "group_norm/", attributes(func(o *op.GroupNorm) { o.Groups = 1 })},
	{"norm of all pictures", "group_norm/", mutant(
		func(o *op.GroupNorm, run func(*op.GroupNorm, []*tensor.Tensor), out, in []*tensor.Tensor) {
			first := must(in[0].Slice(0, min(1, in[0].Shape()[0])))
			run(o, in)
			if s := in[0].Shape(); s[0] > 1 && o.Residual == op.NoResidual {
				y := empty(tensor.Float32, first.Shape()...)
				groupNorm(o, y, first, nil)
				copy(floats(out[0])[y.Len():], floats(y))
			}
		})},
	{"next label", "mask_select/", results(func(o *op.MaskSelect, out, in []*tensor.Tensor) {
		labels := in[1].Clone()
		for i := range data[int64](labels) {
			data[int64](labels)[i]++
		}
		maskSelect(out[0], in[0], labels, in[2])
	})},
	{"no sigmoid", "mask_select/", operand[*op.MaskSelect](0, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			v[i] += 1e-3
		}
	})},
	{"rows with gaps", "mask_select/", results(func(o *op.MaskSelect, out, in []*tensor.Tensor) {
		if s := out[0].Shape(); s[0] > 1 {
			copy(floats(out[0])[s[1:].Len():], floats(out[0]))
		}
	})},
	{"not enlarged", "keypoints/", attributes(func(o *op.Keypoints) { o.Scale = 1 })},
	{"corners of pixels", "keypoints/", results(func(o *op.Keypoints, out, in []*tensor.Tensor) {
		for i := range floats(out[0]) {
			floats(out[0])[i] -= 0.5
		}
	})},
	{"last of equal numbers", "keypoints/equal", operand[*op.Keypoints](0, func(v []float32, _ *tensor.Tensor) {
		for i := range v {
			v[i] += 1e-6 * float32(i)
		}
	})},
	{"unused places not cleared", "keypoints/pictures with gaps", results(func(o *op.Keypoints, out, in []*tensor.Tensor) {
		v := floats(out[0])
		v[len(v)-1]++
	})},
	{"nothing after the first operator", "network/detector", results(func(_ *op.MaskSelect, out, _ []*tensor.Tensor) {
		clear(floats(out[0]))
	})},
}

// suppressing is a mutant that suppresses boxes in another way.
func suppressing(by suppressor) op.Backend {
	return &reference{"mutant", func(o op.Op, out, in []*tensor.Tensor) error {
		switch o := o.(type) {
		case *op.Proposals:
			proposals(o, by, out, in)
		case *op.Detections:
			detections(o, by, out, in)
		case *op.DenseDetections:
			denseDetections(o, by, out, in)
		case *op.SSDDetections:
			ssdDetections(o, by, out, in)
		default:
			return evaluate(o, out, in)
		}
		return nil
	}}
}

func TestBrokenOperatorsAreReported(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.cases+m.name, func(t *testing.T) {
			failed, ran := failures(m.backend, m.cases)
			if len(failed) == 0 {
				t.Fatalf("none of %d cases noticed", ran)
			}
			t.Log(failed[0])
		})
	}
}
