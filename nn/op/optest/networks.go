package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// stage is a convolution and what follows it, before it is decided whether
// they are one node or several.
type stage struct {
	conv     *op.Conv2d // without an epilogue, but for a bias
	norm     *op.BatchNorm2d
	residual int // the stage whose output is added, −1 for none
	nearest  bool
	act      op.Act
}

// network is a small residual network with a pyramid, made at random.
type network struct {
	stages  []stage
	fc1     *op.Linear
	fc2     *op.Linear
	classes int
}

// newNetwork draws a network for pictures of three channels.
func newNetwork(s source) network {
	var n network
	type map2d struct{ c, halvings int }
	maps := []map2d{{3, 0}} // maps[i] is the input of stage i
	for i := range 5 + s.IntN(5) {
		in := maps[len(maps)-1]
		out := map2d{[]int{5, 8, 17}[s.IntN(3)], in.halvings}
		if i == 0 || in.halvings < 2 && s.IntN(3) == 0 {
			out.halvings++
		}
		k := 1 + 2*s.IntN(2)
		g := geometry{in: in.c, out: out.c, k: sq(k), stride: sq(1 + out.halvings - in.halvings), pad: sq(k / 2)}
		g.weight = []tensor.DType{tensor.Float32, tensor.Float16}[s.IntN(2)]
		st := stage{conv: g.conv(s), residual: -1, act: op.Act(s.IntN(3))}
		if s.IntN(2) == 0 {
			st.conv.Bias = s.vector(out.c, 0)
		}
		if s.IntN(2) == 0 {
			st.norm = s.batchNorm(out.c, tensor.Float32)
		}
		for j, m := range maps[1:] {
			if m.c == out.c && m.halvings >= out.halvings && s.IntN(3) > 0 {
				st.residual, st.nearest = j, m.halvings > out.halvings
			}
		}
		n.stages, maps = append(n.stages, st), append(maps, out)
	}
	// A finer lateral map that reads the last, coarser one, as a pyramid does.
	last := maps[len(maps)-1]
	lateral := geometry{in: 3, out: last.c, k: sq(1)}.conv(s)
	lateral.Bias = s.vector(last.c, 0)
	n.stages = append(n.stages, stage{conv: lateral, residual: len(n.stages) - 1, nearest: true})
	n.classes = 7
	n.fc1 = &op.Linear{Weight: s.weight(tensor.Float32, last.c, 19, last.c)}
	n.fc2 = &op.Linear{Weight: s.weight(tensor.Float32, 19, n.classes, 19)}
	n.fc2.Bias = s.vector(n.classes, 0)
	return n
}

// graph writes the network down, with every stage as one node or as several.
// Outputs: the last map (N, C, H, W) and the logits (N, classes).
func (n network) graph(fused bool) *op.Graph {
	var b builder
	x := b.input(tensor.Float32)
	made := make([]op.Value, len(n.stages))
	for i, st := range n.stages {
		path := fmt.Sprintf("stages.%d", i)
		in := x
		if i > 0 && i < len(n.stages)-1 {
			in = made[i-1]
		}
		residual := op.Value(-1)
		if st.residual >= 0 {
			residual = made[st.residual]
		}
		if fused {
			made[i] = st.fused(&b, path, in, residual)
		} else {
			made[i] = st.apart(&b, path, in, residual)
		}
	}
	y := made[len(made)-1]
	v := b.add("avgpool", &op.GlobalAvgPool2d{}, 1, y)[0]
	v = b.add("flatten", &op.Flatten{}, 1, v)[0]
	if fused {
		fc1 := *n.fc1
		fc1.Act = op.ReLU
		v = b.add("fc1", &fc1, 1, v)[0]
	} else {
		v = b.add("relu", &op.Activation{Act: op.ReLU}, 1, b.add("fc1", n.fc1, 1, v)[0])[0]
	}
	b.output(y, b.add("fc2", n.fc2, 1, v)[0])
	return b.graph()
}

// fused: scale·(sum + b) + shift = scale·sum + (scale·b + shift).
func (st stage) fused(b *builder, path string, in, residual op.Value) op.Value {
	conv := *st.conv
	if st.norm != nil {
		scale, shift, err := st.norm.Affine()
		if err != nil {
			panic(err)
		}
		for c := range shift {
			if conv.Bias != nil {
				shift[c] += scale[c] * conv.Bias[c]
			}
		}
		conv.Scale, conv.Bias = scale, shift
	}
	conv.Act = st.act
	operands := []op.Value{in}
	if residual >= 0 {
		conv.Residual = op.SameResidual
		if st.nearest {
			conv.Residual = op.NearestResidual
		}
		operands = append(operands, residual)
	}
	return b.add(path, &conv, 1, operands...)[0]
}

func (st stage) apart(b *builder, path string, in, residual op.Value) op.Value {
	x := b.add(path, st.conv, 1, in)[0]
	if st.norm != nil {
		x = b.add(path+".norm", st.norm, 1, x)[0]
	}
	if residual >= 0 {
		if st.nearest {
			residual = b.add(path+".upsample", &op.Upsample{}, 1, residual, x)[0]
		}
		x = b.add(path+".add", &op.Add{}, 1, residual, x)[0]
	}
	if st.act != op.NoAct {
		x = b.add(path+".act", &op.Activation{Act: st.act}, 1, x)[0]
	}
	return x
}

func networkCases() (cases []testCase) {
	for seed := range 12 {
		name := fmt.Sprintf("network/random %d", seed)
		cases = append(cases, testCase{name: name, run: func(b op.Backend) error {
			s := newSource(name)
			n := newNetwork(s)
			in := []*tensor.Tensor{s.normal(1+seed%2, 3, 5+s.IntN(9), 5+s.IntN(9))}
			want, err := runOnce(Reference(), op.Options{}, sample{n.graph(false), in})
			if err != nil {
				return err
			}
			for _, fused := range []bool{false, true} {
				g := n.graph(fused)
				got, err := runOnce(b, op.Options{}, sample{g, in})
				if err == nil {
					err = arithmetic.compareAt(precisionOf(b), g, got, want)
				}
				if err != nil {
					return fmt.Errorf("fused %v: %w", fused, err)
				}
			}
			return nil
		}})
	}
	const whole = "network/detector"
	cases = append(cases, testCase{name: whole, run: func(b op.Backend) error {
		if precisionOf(b) != op.Float32 {
			return nodeByNode(b, arithmetic, detector(newSource(whole)))
		}
		return against(whole, tolerance{rms: 2e-4, max: 2e-4}, detector).run(b)
	}})
	return append(cases, numeric("network/counted rows are an output", func(s source) sample {
		x := pooling{counts: []int{2, 0, 5}, r: 6, c: 5, h: 64, w: 64, size: 3, sampling: 2}.sample(s)
		b := builder{g: *x.graph}
		conv := geometry{in: 5, out: 9, k: sq(3), pad: sq(1)}.conv(s)
		conv.Epilogue = s.epilogue(9, op.NoResidual, op.Sigmoid) // not zero for rows of zeros
		y := b.add("head", conv, 1, b.g.Outputs[0])[0]
		flat := b.add("flatten", &op.Flatten{}, 1, y)[0]
		fc := &op.Linear{Weight: s.weight(tensor.Float32, 81, 11, 81)}
		fc.Epilogue = s.epilogue(11, op.NoResidual, op.NoAct)
		b.output(y, flat, b.add("fc", fc, 1, flat)[0])
		return sample{b.graph(), x.in}
	}))
}

// detector is a two-level detector with all four selecting operators, whose
// outputs are those of proposals, detections and masks.
func detector(s source) sample {
	const classes, channels, capacity, size = 4, 6, 12, 3
	b := builder{}
	sizes, image := b.input(tensor.Float32), b.input(tensor.Float32)
	layer := func(path string, g geometry, a op.Act, x op.Value) op.Value {
		o := g.conv(s)
		o.Epilogue = op.Epilogue{Bias: s.vector(g.out, 0), Act: a}
		return b.add(path, o, 1, x)[0]
	}
	fine := layer("body.0", geometry{in: 3, out: channels, k: sq(4), stride: sq(4)}, op.ReLU, image)
	coarse := layer("body.1", geometry{in: channels, out: channels, k: sq(2), stride: sq(2)}, op.ReLU, fine)
	var objectness, deltas []op.Value
	for _, x := range []op.Value{fine, coarse} {
		objectness = append(objectness, layer("rpn.cls_logits", geometry{in: channels, out: 3, k: sq(1)}, op.NoAct, x))
		// Deltas of zero: which boxes overlap by how much does not hang on
		// the arithmetic of the layers before.
		zero := &op.Conv2d{Weight: empty(tensor.Float32, 12, channels, 1, 1)}
		deltas = append(deltas, b.add("rpn.bbox_pred", zero, 1, x)[0])
	}
	rpn := &op.Proposals{
		Anchors: [][][4]float32{anchors(8), anchors(16)},
		PreNMS:  20, PostNMS: capacity, NMSThreshold: 0.4, MinSize: 1e-3,
	}
	p := b.add("rpn", rpn, 2, sizes, image, objectness[0], objectness[1], deltas[0], deltas[1])
	pool := func(path string, size int, boxes, count op.Value) op.Value {
		o := &op.RoIAlign{
			Size: size, Sampling: 2, Scales: []float64{1.0 / 4, 1.0 / 8}, CanonicalScale: 16, CanonicalLevel: 3,
		}
		return b.add(path, o, 1, boxes, count, fine, coarse)[0]
	}
	x := b.add("flatten", &op.Flatten{}, 1, pool("box_roi_pool", size, p[0], p[1]))[0]
	fc := func(path string, in, out int, a op.Act, gain float64) op.Value {
		o := &op.Linear{Weight: s.weight(tensor.Float32, in, out, in)}
		for i := range floats(o.Weight) {
			floats(o.Weight)[i] *= float32(gain)
		}
		o.Bias, o.Act = s.vector(out, 0), a
		return b.add(path, o, 1, x)[0]
	}
	x = fc("fc6", channels*size*size, 23, op.ReLU, 1)
	logits, regression := fc("cls_score", 23, classes, op.NoAct, 3), fc("bbox_pred", 23, 4*classes, op.NoAct, 1)
	found := &op.Detections{
		ScoreThreshold: 0.05, NMSThreshold: 0.5, MinSize: 1e-2, Max: 5, Weights: [4]float32{10, 10, 5, 5},
	}
	d := b.add("roi_heads", found, 4, sizes, p[0], p[1], logits, regression)
	m := pool("mask_roi_pool", 4, d[0], d[3])
	m = layer("mask_head", geometry{in: channels, out: channels, k: sq(3), pad: sq(1)}, op.ReLU, m)
	up := &op.ConvTranspose2d{Weight: s.weight(tensor.Float32, channels, channels, 5, 2, 2), Stride: sq(2)}
	up.Epilogue = s.epilogue(5, op.NoResidual, op.ReLU)
	m = b.add("conv5_mask", up, 1, m)[0]
	m = layer("mask_fcn_logits", geometry{in: 5, out: classes, k: sq(1)}, op.NoAct, m)
	m = b.add("masks", &op.MaskSelect{}, 1, m, d[1], d[3])[0]
	b.output(p[0], p[1], d[0], d[1], d[2], d[3], m)
	return sample{b.graph(), []*tensor.Tensor{of([]float32{32, 48, 25, 31}, 2, 2), s.normal(2, 3, 32, 48)}}
}
