package op

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/argand-go/argand/tensor"
)

func weight(shape ...int) *tensor.Tensor {
	t, err := tensor.New(tensor.Float16, shape...)
	if err != nil {
		panic(err)
	}
	return t
}

func i32(shape ...int) Spec { return Spec{tensor.Int32, shape} }
func i64(shape ...int) Spec { return Spec{tensor.Int64, shape} }

func bytes(shape ...int) Spec { return Spec{tensor.Uint8, shape} }

func ones(n int) []float64 { return make([]float64, n) }

func norm(w, b, m, v int) *BatchNorm2d {
	return &BatchNorm2d{Weight: weight(w), Bias: weight(b), Mean: weight(m), Var: weight(v)}
}

var (
	cell   = [][4]float32{{-8, -8, 8, 8}, {-4, -8, 4, 8}}
	levels = [][][4]float32{cell, cell[:1]}
	dense  = DenseDetections{Anchors: levels, Candidates: 10, ScoreThreshold: 0.05, Max: 15}
	rpn    = Proposals{Anchors: levels, PreNMS: 10, PostNMS: 15}
	shots  = SSDDetections{DefaultBoxes: [][][2]float32{{{0.1, 0.2}, {0.2, 0.1}}, {{0.5, 0.5}}}, Candidates: 400, Max: 200}
	tokens = Tokens{Class: weight(3), Positions: weight(7, 3), Size: [2]int{8, 12}}
	align  = RoIAlign{Size: 7, Sampling: 2, Scales: []float64{0.25, 0.125}, CanonicalScale: 224, CanonicalLevel: 4}
)

// sizesOf returns operands of shots, of the given channels.
func sizesOf(logits, logits2, deltas, deltas2 int) []Spec {
	return []Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, logits, 2, 2), F32(3, logits2, 1, 2),
		F32(3, deltas, 2, 2), F32(3, deltas2, 1, 2)}
}

// objectsOf returns results with room for n objects.
func objectsOf(n int) []Spec { return []Spec{F32(3, n, 4), i64(3, n), F32(3, n), i32(3)} }

func changed[T any](v T, change func(*T)) *T {
	change(&v)
	return &v
}

var infers = []struct {
	name string
	op   Op
	in   []Spec
	want []Spec // nil for a ShapeError
}{
	{"stem", &Conv2d{Weight: weight(64, 3, 7, 7), Stride: [2]int{2, 2}, Padding: [2]int{3, 3}},
		[]Spec{F32(2, 3, 224, 225)}, []Spec{F32(2, 64, 112, 113)}},
	{"pointwise", &Conv2d{Weight: weight(5, 3, 1, 1)}, []Spec{F32(1, 3, 4, 5)}, []Spec{F32(1, 5, 4, 5)}},
	{"groups", &Conv2d{Weight: weight(6, 2, 3, 3), Groups: 2}, []Spec{F32(1, 4, 5, 7)}, []Spec{F32(1, 6, 3, 5)}},
	{"dilation", &Conv2d{Weight: weight(1, 1, 3, 3), Dilation: [2]int{2, 3}}, []Spec{F32(1, 1, 7, 7)}, []Spec{F32(1, 1, 3, 1)}},
	{"no pictures", &Conv2d{Weight: weight(1, 1, 3, 3)}, []Spec{F32(0, 1, 3, 3)}, []Spec{F32(0, 1, 1, 1)}},
	{"exactly the kernel", &Conv2d{Weight: weight(1, 1, 5, 3), Stride: [2]int{9, 9}}, []Spec{F32(1, 1, 5, 3)}, []Spec{F32(1, 1, 1, 1)}},
	{"smaller than the kernel", &Conv2d{Weight: weight(1, 1, 5, 3)}, []Spec{F32(1, 1, 4, 3)}, nil},
	{"smaller than the dilated kernel", &Conv2d{Weight: weight(1, 1, 3, 3), Dilation: [2]int{1, 2}}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"no operand", &Conv2d{Weight: weight(1, 1, 1, 1)}, nil, nil},
	{"an operand too many", &Conv2d{Weight: weight(1, 1, 1, 1)}, []Spec{F32(1, 1, 1, 1), F32(1, 1, 1, 1)}, nil},
	{"other channels", &Conv2d{Weight: weight(1, 3, 1, 1)}, []Spec{F32(1, 4, 1, 1)}, nil},
	{"three axes", &Conv2d{Weight: weight(1, 1, 1, 1)}, []Spec{F32(1, 4, 4)}, nil},
	{"integers", &Conv2d{Weight: weight(1, 1, 1, 1)}, []Spec{i32(1, 1, 4, 4)}, nil},
	{"no weight", &Conv2d{}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"an empty weight", &Conv2d{Weight: weight(0, 1, 1, 1)}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"a weight of two axes", &Conv2d{Weight: weight(1, 1)}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"groups that do not divide", &Conv2d{Weight: weight(3, 1, 1, 1), Groups: 2}, []Spec{F32(1, 2, 4, 4)}, nil},
	{"negative groups", &Conv2d{Weight: weight(3, 1, 1, 1), Groups: -1}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"negative stride", &Conv2d{Weight: weight(1, 1, 1, 1), Stride: [2]int{1, -1}}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"negative padding", &Conv2d{Weight: weight(1, 1, 1, 1), Padding: [2]int{-1, 0}}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"negative dilation", &Conv2d{Weight: weight(1, 1, 1, 1), Dilation: [2]int{-1, 1}}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"overflowing padding", &Conv2d{Weight: weight(1, 1, 3, 3), Padding: [2]int{math.MaxInt, 1}}, []Spec{F32(1, 1, 4, 4)}, nil},

	{"overflowing dilation", &Conv2d{Weight: weight(1, 1, 5, 1), Dilation: [2]int{1 << 62, 1}}, []Spec{F32(1, 1, 4, 4)}, nil},
	{"overflowing stride, transposed", &ConvTranspose2d{Weight: weight(1, 1, 2, 2), Stride: [2]int{1 << 62, 1}},
		[]Spec{F32(1, 1, 5, 4)}, nil},
	{"overflowing padding, pool", &MaxPool2d{Kernel: [2]int{1, 1}, Padding: [2]int{math.MaxInt, 0}}, []Spec{F32(1, 1, 10, 4)}, nil},

	{"scale and bias", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Scale: ones(5), Bias: ones(5)}},
		[]Spec{F32(1, 3, 4, 5)}, []Spec{F32(1, 5, 4, 5)}},
	{"too long a bias", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Bias: ones(6)}}, []Spec{F32(1, 3, 4, 5)}, nil},
	{"an empty scale", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Scale: ones(0)}}, []Spec{F32(1, 3, 4, 5)}, nil},
	{"same residual", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: SameResidual}},
		[]Spec{F32(1, 3, 4, 5), F32(1, 5, 4, 5)}, []Spec{F32(1, 5, 4, 5)}},
	{"no residual given", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: SameResidual}}, []Spec{F32(1, 3, 4, 5)}, nil},
	{"another residual", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: SameResidual}},
		[]Spec{F32(1, 3, 4, 5), F32(1, 5, 4, 4)}, nil},
	{"an integer residual", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: SameResidual}},
		[]Spec{F32(1, 3, 4, 5), i32(1, 5, 4, 5)}, nil},
	{"nearest residual", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: NearestResidual}},
		[]Spec{F32(2, 3, 4, 5), F32(2, 5, 3, 1)}, []Spec{F32(2, 5, 4, 5)}},
	{"nearest residual of other channels", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: NearestResidual}},
		[]Spec{F32(2, 3, 4, 5), F32(2, 4, 3, 1)}, nil},
	{"nearest residual of other pictures", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: NearestResidual}},
		[]Spec{F32(2, 3, 4, 5), F32(1, 5, 3, 1)}, nil},
	{"nearest residual without pixels", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: NearestResidual}},
		[]Spec{F32(2, 3, 4, 5), F32(2, 5, 0, 1)}, nil},
	{"unknown residual", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Residual: 9}}, []Spec{F32(2, 3, 4, 5), F32(2, 5, 4, 5)}, nil},
	{"unknown activation", &Conv2d{Weight: weight(5, 3, 1, 1), Epilogue: Epilogue{Act: GELU + 1}}, []Spec{F32(2, 3, 4, 5)}, nil},

	{"transposed", &ConvTranspose2d{Weight: weight(3, 5, 2, 3), Stride: [2]int{2, 2}, Padding: [2]int{0, 1}},
		[]Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 5, 8, 9)}},
	{"transposed to nothing", &ConvTranspose2d{Weight: weight(1, 1, 2, 2), Padding: [2]int{1, 1}}, []Spec{F32(1, 1, 1, 1)}, []Spec{F32(1, 1, 0, 0)}},
	{"transposed to less", &ConvTranspose2d{Weight: weight(1, 1, 2, 2), Padding: [2]int{2, 2}}, []Spec{F32(1, 1, 1, 1)}, nil},
	{"transposed from nothing", &ConvTranspose2d{Weight: weight(1, 1, 2, 2)}, []Spec{F32(1, 1, 0, 1)}, nil},
	{"transposed, other channels", &ConvTranspose2d{Weight: weight(3, 5, 2, 2)}, []Spec{F32(2, 5, 4, 5)}, nil},
	{"transposed, two operands", &ConvTranspose2d{Weight: weight(3, 5, 2, 2)}, []Spec{F32(2, 3, 4, 5), F32(2, 3, 4, 5)}, nil},
	{"transposed, no weight", &ConvTranspose2d{}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"transposed, negative stride", &ConvTranspose2d{Weight: weight(3, 5, 2, 2), Stride: [2]int{-1, 1}}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"transposed, bias", &ConvTranspose2d{Weight: weight(3, 5, 2, 2), Epilogue: Epilogue{Bias: ones(3)}}, []Spec{F32(2, 3, 4, 5)}, nil},

	{"linear", &Linear{Weight: weight(5, 3)}, []Spec{F32(7, 3)}, []Spec{F32(7, 5)}},
	{"linear to nothing", &Linear{Weight: weight(0, 3)}, []Spec{F32(7, 3)}, []Spec{F32(7, 0)}},
	{"linear, residual", &Linear{Weight: weight(5, 3), Epilogue: Epilogue{Residual: SameResidual}},
		[]Spec{F32(7, 3), F32(7, 5)}, []Spec{F32(7, 5)}},
	{"linear, nearest residual", &Linear{Weight: weight(5, 3), Epilogue: Epilogue{Residual: NearestResidual}}, []Spec{F32(7, 3), F32(7, 5)}, nil},
	{"linear, other columns", &Linear{Weight: weight(5, 3)}, []Spec{F32(7, 5)}, nil},
	{"linear of a picture", &Linear{Weight: weight(5, 3)}, []Spec{F32(7, 3, 1, 1)}, nil},
	{"linear, no weight", &Linear{}, []Spec{F32(7, 3)}, nil},
	{"linear, no operand", &Linear{Weight: weight(5, 3)}, nil, nil},
	{"linear, bytes", &Linear{Weight: weight(5, 3)}, []Spec{{tensor.Uint8, tensor.Shape{7, 3}}}, nil},

	{"norm", norm(3, 3, 3, 3), []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 4, 5)}},
	{"norm of rows", norm(3, 3, 3, 3), []Spec{F32(2, 3)}, nil},
	{"norm, other channels", norm(3, 3, 3, 3), []Spec{F32(2, 4, 4, 5)}, nil},
	{"norm, short bias", norm(3, 2, 3, 3), []Spec{F32(2, 3, 4, 5)}, nil},
	{"norm, short mean", norm(3, 3, 2, 3), []Spec{F32(2, 3, 4, 5)}, nil},
	{"norm, short variance", norm(3, 3, 3, 2), []Spec{F32(2, 3, 4, 5)}, nil},
	{"norm, nothing", &BatchNorm2d{}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"group norm", &GroupNorm{Groups: 3}, []Spec{F32(2, 6, 4, 5)}, []Spec{F32(2, 6, 4, 5)}},
	{"group norm and residual", &GroupNorm{Groups: 3, Epilogue: Epilogue{Scale: ones(6), Residual: SameResidual}},
		[]Spec{F32(2, 6, 4, 5), F32(2, 6, 4, 5)}, []Spec{F32(2, 6, 4, 5)}},
	{"group norm, groups that do not divide", &GroupNorm{Groups: 4}, []Spec{F32(2, 6, 4, 5)}, nil},
	{"group norm, no groups", &GroupNorm{}, []Spec{F32(2, 6, 4, 5)}, nil},
	{"group norm, short scale", &GroupNorm{Groups: 3, Epilogue: Epilogue{Scale: ones(5)}}, []Spec{F32(2, 6, 4, 5)}, nil},
	{"group norm, small residual", &GroupNorm{Groups: 3, Epilogue: Epilogue{Residual: NearestResidual}},
		[]Spec{F32(2, 6, 4, 4), F32(2, 6, 2, 2)}, nil},
	{"group norm, two operands", &GroupNorm{Groups: 3}, []Spec{F32(2, 6, 4, 5), F32(2, 6, 4, 5)}, nil},
	{"group norm of rows", &GroupNorm{Groups: 3}, []Spec{F32(2, 6)}, nil},
	{"norm, two operands", norm(3, 3, 3, 3), []Spec{F32(2, 3, 4, 5), F32(2, 3, 4, 5)}, nil},

	{"layer norm", &LayerNorm{Weight: weight(3), Bias: weight(3)}, []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 4, 5)}},
	{"layer norm, other channels", &LayerNorm{Weight: weight(3), Bias: weight(3)}, []Spec{F32(2, 5, 4, 3)}, nil},
	{"layer norm, short bias", &LayerNorm{Weight: weight(3), Bias: weight(2)}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"layer norm of rows", &LayerNorm{Weight: weight(3), Bias: weight(3)}, []Spec{F32(2, 3)}, nil},
	{"layer norm of nothing", &LayerNorm{Weight: weight(0), Bias: weight(0)}, []Spec{F32(2, 0, 4, 5)}, nil},
	{"layer norm, no weight", &LayerNorm{}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"attention", &Attention{Heads: 2}, []Spec{F32(2, 12, 5, 1)}, []Spec{F32(2, 4, 5, 1)}},
	{"attention, no tokens", &Attention{Heads: 1}, []Spec{F32(2, 3, 0, 1)}, []Spec{F32(2, 1, 0, 1)}},
	{"attention, no heads", &Attention{}, []Spec{F32(2, 12, 5, 1)}, nil},
	{"attention, heads that do not divide", &Attention{Heads: 3}, []Spec{F32(2, 12, 5, 1)}, nil},
	{"attention, two parts", &Attention{Heads: 1}, []Spec{F32(2, 4, 5, 1)}, nil},
	{"attention of nothing", &Attention{Heads: 1}, []Spec{F32(2, 0, 5, 1)}, nil},
	{"attention of rows", &Attention{Heads: 1}, []Spec{F32(5, 3)}, nil},
	{"tokens", &tokens, []Spec{F32(2, 3, 2, 3), F32(2, 5, 8, 12)}, []Spec{F32(2, 3, 7, 1)}},
	{"tokens of another picture", &tokens, []Spec{F32(2, 3, 2, 3), F32(2, 5, 8, 13)}, nil},
	{"tokens of a picture on its side", &tokens, []Spec{F32(2, 3, 2, 3), F32(2, 5, 12, 8)}, nil},
	{"tokens, more than positions", &tokens, []Spec{F32(2, 3, 2, 4), F32(2, 5, 8, 12)}, nil},
	{"tokens, other channels", &tokens, []Spec{F32(2, 4, 2, 3), F32(2, 5, 8, 12)}, nil},
	{"tokens without a picture", &tokens, []Spec{F32(2, 3, 2, 3)}, nil},
	{"tokens, a short class", changed(tokens, func(o *Tokens) { o.Class = weight(2) }),
		[]Spec{F32(2, 3, 2, 3), F32(2, 5, 8, 12)}, nil},
	{"tokens, no positions", &Tokens{Class: weight(3)}, []Spec{F32(2, 3, 2, 3), F32(2, 5, 8, 12)}, nil},
	{"select", &Select{Index: 19}, []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 1, 1)}},
	{"select too much", &Select{Index: 20}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"select less than nothing", &Select{Index: -1}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"select of rows", &Select{}, []Spec{F32(2, 3)}, nil},
	{"relu", &Activation{Act: ReLU}, []Spec{F32(2)}, []Spec{F32(2)}},
	{"relu of a number", &Activation{Act: ReLU}, []Spec{F32()}, []Spec{F32()}},
	{"relu of integers", &Activation{Act: ReLU}, []Spec{i64(2)}, nil},
	{"mul", &Mul{}, []Spec{F32(2, 3), F32(2, 3)}, []Spec{F32(2, 3)}},
	{"mul, channels", &Mul{}, []Spec{F32(2, 3, 4, 5), F32(2, 3, 1, 1)}, []Spec{F32(2, 3, 4, 5)}},
	{"mul, channels first", &Mul{}, []Spec{F32(2, 3, 1, 1), F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 4, 5)}},
	{"mul, other channels", &Mul{}, []Spec{F32(2, 3, 4, 5), F32(2, 4, 1, 1)}, nil},
	{"mul, other pictures", &Mul{}, []Spec{F32(2, 3, 4, 5), F32(1, 3, 1, 1)}, nil},
	{"mul, a row", &Mul{}, []Spec{F32(2, 3, 4, 5), F32(2, 3, 1, 5)}, nil},
	{"mul, integers", &Mul{}, []Spec{i32(2), i32(2)}, nil},
	{"mul, one", &Mul{}, []Spec{F32(2)}, nil},
	{"relu of two", &Activation{Act: ReLU}, []Spec{F32(2), F32(2)}, nil},
	{"add", &Add{}, []Spec{F32(2, 3), F32(2, 3)}, []Spec{F32(2, 3)}},
	{"add, broadcast", &Add{}, []Spec{F32(2, 3), F32(1, 3)}, nil},
	{"add, integers", &Add{}, []Spec{i32(2), i32(2)}, nil},
	{"add, one", &Add{}, []Spec{F32(2, 3)}, nil},
	{"flatten", &Flatten{}, []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 60)}},
	{"flatten a vector", &Flatten{}, []Spec{F32(2)}, []Spec{F32(2, 1)}},
	{"flatten a number", &Flatten{}, []Spec{F32()}, nil},
	{"flatten integers", &Flatten{}, []Spec{i64(2, 2)}, nil},
	{"flatten nothing", &Flatten{}, nil, nil},

	{"pool", &MaxPool2d{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Padding: [2]int{1, 1}}, []Spec{F32(1, 2, 112, 7)}, []Spec{F32(1, 2, 56, 4)}},
	{"pool, the kernel's stride", &MaxPool2d{Kernel: [2]int{2, 3}}, []Spec{F32(1, 2, 5, 7)}, []Spec{F32(1, 2, 2, 2)}},
	{"pool, no kernel", &MaxPool2d{}, []Spec{F32(1, 2, 5, 7)}, nil},
	{"pool, too much padding", &MaxPool2d{Kernel: [2]int{3, 3}, Padding: [2]int{2, 1}}, []Spec{F32(1, 2, 5, 7)}, nil},
	{"pool, negative padding", &MaxPool2d{Kernel: [2]int{3, 3}, Padding: [2]int{-1, 1}}, []Spec{F32(1, 2, 5, 7)}, nil},
	{"pool, negative stride", &MaxPool2d{Kernel: [2]int{3, 3}, Stride: [2]int{-1, 1}}, []Spec{F32(1, 2, 5, 7)}, nil},
	{"pool of less than the kernel", &MaxPool2d{Kernel: [2]int{3, 3}}, []Spec{F32(1, 2, 2, 7)}, nil},
	{"pool of nothing", &MaxPool2d{Kernel: [2]int{2, 2}, Padding: [2]int{1, 1}}, []Spec{F32(1, 2, 0, 7)}, nil},
	{"pool rounded up", &MaxPool2d{Kernel: [2]int{2, 3}, Ceil: true}, []Spec{F32(1, 2, 75, 7)}, []Spec{F32(1, 2, 38, 3)}},
	{"pool rounded up, a last window beyond", &MaxPool2d{Kernel: [2]int{2, 2}, Stride: [2]int{3, 3}, Padding: [2]int{1, 1}, Ceil: true},
		[]Spec{F32(1, 2, 5, 6)}, []Spec{F32(1, 2, 2, 3)}},
	{"pool rounded up of less than the kernel", &MaxPool2d{Kernel: [2]int{3, 3}, Stride: [2]int{4, 5}, Ceil: true},
		[]Spec{F32(1, 2, 2, 11)}, []Spec{F32(1, 2, 1, 3)}},
	{"pool rounded up to nothing", &MaxPool2d{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Ceil: true}, []Spec{F32(1, 2, 1, 5)}, nil},
	{"pool of rows", &MaxPool2d{Kernel: [2]int{2, 2}}, []Spec{F32(4, 4)}, nil},
	{"normalize", &L2Norm{Weight: weight(3)}, []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 4, 5)}},
	{"normalize, other channels", &L2Norm{Weight: weight(3)}, []Spec{F32(2, 4, 4, 5)}, nil},
	{"normalize rows", &L2Norm{Weight: weight(3)}, []Spec{F32(2, 3)}, nil},
	{"normalize integers", &L2Norm{Weight: weight(3)}, []Spec{i32(2, 3, 4, 5)}, nil},
	{"normalize, no weight", &L2Norm{}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"normalize nothing", &L2Norm{Weight: weight(0)}, []Spec{F32(2, 0, 4, 5)}, nil},
	{"mean", &GlobalAvgPool2d{}, []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 1, 1)}},
	{"mean of no pixels", &GlobalAvgPool2d{}, []Spec{F32(2, 3, 4, 0)}, nil},
	{"mean of integers", &GlobalAvgPool2d{}, []Spec{i32(2, 3, 4, 4)}, nil},
	{"upsample", &Upsample{}, []Spec{F32(2, 3, 4, 5), F32(9, 8, 7, 6)}, []Spec{F32(2, 3, 7, 6)}},
	{"upsample like bytes", &Upsample{}, []Spec{F32(2, 3, 4, 5), {tensor.Uint8, tensor.Shape{1, 1, 2, 2}}}, []Spec{F32(2, 3, 2, 2)}},
	{"upsample nothing", &Upsample{}, []Spec{F32(2, 3, 0, 5), F32(1, 1, 2, 2)}, nil},
	{"upsample nothing to nothing", &Upsample{}, []Spec{F32(2, 3, 0, 5), F32(1, 1, 0, 2)}, []Spec{F32(2, 3, 0, 2)}},
	{"upsample without a model", &Upsample{}, []Spec{F32(2, 3, 4, 5)}, nil},
	{"upsample like rows", &Upsample{}, []Spec{F32(2, 3, 4, 5), F32(2, 2)}, nil},
	{"bilinear", &Upsample{Bilinear: true}, []Spec{F32(2, 3, 4, 5), F32(9, 8, 7, 6)}, []Spec{F32(2, 3, 7, 6)}},
	{"cat", &Concat{}, []Spec{F32(2, 3, 4, 5), F32(2, 1, 4, 5), F32(2, 0, 4, 5)}, []Spec{F32(2, 4, 4, 5)}},
	{"cat of one", &Concat{}, []Spec{F32(2, 3, 4, 5)}, []Spec{F32(2, 3, 4, 5)}},
	{"cat of none", &Concat{}, nil, nil},
	{"cat of rows", &Concat{}, []Spec{F32(2, 3), F32(2, 4)}, nil},
	{"cat of integers", &Concat{}, []Spec{F32(2, 3, 4, 5), i32(2, 3, 4, 5)}, nil},
	{"cat of other sizes", &Concat{}, []Spec{F32(2, 3, 4, 5), F32(2, 3, 4, 6)}, nil},
	{"cat of other pictures", &Concat{}, []Spec{F32(2, 3, 4, 5), F32(1, 3, 4, 5)}, nil},

	{"mask paste", &MaskPaste{}, []Spec{F32(3, 28, 28), F32(3, 4), bytes(1, 0, 7, 65)}, []Spec{{tensor.Uint64, tensor.Shape{3, 7, 2}}}},
	{"mask paste nothing", &MaskPaste{}, []Spec{F32(0, 1, 1), F32(0, 4), F32(1, 1, 0, 0)}, []Spec{{tensor.Uint64, tensor.Shape{0, 0, 0}}}},
	{"mask paste oblong", &MaskPaste{}, []Spec{F32(3, 28, 27), F32(3, 4), bytes(1, 0, 7, 65)}, nil},
	{"mask paste of no size", &MaskPaste{}, []Spec{F32(3, 0, 0), F32(3, 4), bytes(1, 0, 7, 65)}, nil},
	{"mask paste of bytes", &MaskPaste{}, []Spec{bytes(3, 28, 28), F32(3, 4), bytes(1, 0, 7, 65)}, nil},
	{"mask paste into other boxes", &MaskPaste{}, []Spec{F32(3, 28, 28), F32(2, 4), bytes(1, 0, 7, 65)}, nil},
	{"mask paste like rows", &MaskPaste{}, []Spec{F32(3, 28, 28), F32(3, 4), bytes(7, 65)}, nil},
	{"mask paste without a canvas", &MaskPaste{}, []Spec{F32(3, 28, 28), F32(3, 4)}, nil},
	{"preprocess", &Preprocess{}, []Spec{bytes(2, 300), i32(2, 5), bytes(1, 0, 7, 8)}, []Spec{F32(2, 3, 7, 8), F32(2, 2)}},
	{"preprocess like floats", &Preprocess{}, []Spec{bytes(0, 0), i32(0, 5), F32(9, 9, 7, 8)}, []Spec{F32(0, 3, 7, 8), F32(0, 2)}},
	{"preprocess floats", &Preprocess{}, []Spec{F32(2, 300), i32(2, 5), bytes(1, 0, 7, 8)}, nil},
	{"preprocess odd bytes", &Preprocess{}, []Spec{bytes(2, 301), i32(2, 5), bytes(1, 0, 7, 8)}, nil},
	{"preprocess pictures apart", &Preprocess{}, []Spec{bytes(2, 3, 100), i32(2, 5), bytes(1, 0, 7, 8)}, nil},
	{"preprocess fewer sizes", &Preprocess{}, []Spec{bytes(2, 300), i32(1, 5), bytes(1, 0, 7, 8)}, nil},
	{"preprocess longer sizes", &Preprocess{}, []Spec{bytes(2, 300), i64(2, 5), bytes(1, 0, 7, 8)}, nil},
	{"preprocess like rows", &Preprocess{}, []Spec{bytes(2, 300), i32(2, 5), bytes(7, 8)}, nil},
	{"preprocess without a canvas", &Preprocess{}, []Spec{bytes(2, 300), i32(2, 5)}, nil},

	{"align", &align, []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, []Spec{F32(18, 5, 7, 7)}},
	{"align, one scale twice", changed(align, func(o *RoIAlign) { o.Scales = []float64{1.0 / 32, 1.0 / 32} }),
		[]Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, []Spec{F32(18, 5, 7, 7)}},
	{"align, a level skipped", changed(align, func(o *RoIAlign) { o.Scales = []float64{1.0 / 4, 1.0 / 16} }),
		[]Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, the wrong way round", changed(align, func(o *RoIAlign) { o.Scales = []float64{1.0 / 16, 1.0 / 4} }),
		[]Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, a scale of 0", changed(align, func(o *RoIAlign) { o.Scales = []float64{0, 0} }),
		[]Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, a scale of NaN", changed(align, func(o *RoIAlign) { o.Scales = []float64{math.NaN(), 1} }),
		[]Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, a feature less", &align, []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6)}, nil},
	{"align, counts in float", &align, []Spec{F32(2, 9, 4), F32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, counts of other pictures", &align, []Spec{F32(2, 9, 4), i32(3), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, boxes of 5", &align, []Spec{F32(2, 9, 5), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, features of other channels", &align, []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 6, 4, 3)}, nil},
	{"align, features of other pictures", &align, []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(1, 5, 4, 3)}, nil},
	{"align, features without pixels", &align, []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 0)}, nil},
	{"align to no bins", changed(align, func(o *RoIAlign) { o.Size = 0 }), []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},
	{"align, no samples", changed(align, func(o *RoIAlign) { o.Sampling = 0 }), []Spec{F32(2, 9, 4), i32(2), F32(2, 5, 8, 6), F32(2, 5, 4, 3)}, nil},

	{"proposals", &rpn, []Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)},
		[]Spec{F32(3, 11, 4), i32(3)}}, // 10 of 12, and 1
	{"proposals, no more", changed(rpn, func(o *Proposals) { o.PostNMS = 4 }),
		[]Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, []Spec{F32(3, 4, 4), i32(3)}},
	{"proposals, negative", changed(rpn, func(o *Proposals) { o.PostNMS = -1 }),
		[]Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, nil},
	{"proposals, negative per level", changed(rpn, func(o *Proposals) { o.PreNMS = -1 }),
		[]Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, nil},
	{"shots", &shots, sizesOf(6, 3, 8, 4), objectsOf(20)},
	{"shots, few in all", changed(shots, func(o *SSDDetections) { o.Max = 7 }), sizesOf(6, 3, 8, 4), objectsOf(7)},
	{"shots, few of a class", changed(shots, func(o *SSDDetections) { o.Candidates = 2 }), sizesOf(6, 3, 8, 4), objectsOf(4)},
	{"shots of the background", &shots, sizesOf(2, 1, 8, 4), objectsOf(0)},
	{"shots with steps", changed(shots, func(o *SSDDetections) { o.Steps = []float64{8, 16} }), sizesOf(6, 3, 8, 4), objectsOf(20)},
	{"shots with a step", changed(shots, func(o *SSDDetections) { o.Steps = []float64{8} }), sizesOf(6, 3, 8, 4), nil},
	{"shots, negative", changed(shots, func(o *SSDDetections) { o.Max = -1 }), sizesOf(6, 3, 8, 4), nil},
	{"shots, negative per class", changed(shots, func(o *SSDDetections) { o.Candidates = -1 }), sizesOf(6, 3, 8, 4), nil},
	{"shots, no levels", &SSDDetections{}, []Spec{F32(3, 2), F32(3, 3, 16, 16)}, nil},
	{"shots, a level without places", changed(shots, func(o *SSDDetections) { o.DefaultBoxes = [][][2]float32{{}} }),
		[]Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 0, 2, 2), F32(3, 0, 2, 2)}, nil},
	{"shots, an operand less", &shots, sizesOf(6, 3, 8, 4)[:5], nil},
	{"shots, no class", &shots, sizesOf(0, 0, 8, 4), nil},
	{"shots, classes that are not whole", &shots, sizesOf(7, 3, 8, 4), nil},
	{"shots, other classes", &shots, sizesOf(6, 4, 8, 4), nil},
	{"shots, other deltas", &shots, sizesOf(6, 3, 8, 8), nil},
	{"shots, an empty level", changed(shots, func(o *SSDDetections) { o.DefaultBoxes = o.DefaultBoxes[:1] }),
		[]Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 6, 0, 2), F32(3, 8, 0, 2)}, nil},
	{"shots, sizes of 3", &shots, append([]Spec{F32(3, 3)}, sizesOf(6, 3, 8, 4)[1:]...), nil},
	{"shots, other pictures", &shots, append([]Spec{F32(3, 2), F32(2, 3, 16, 16)}, sizesOf(6, 3, 8, 4)[2:]...), nil},
	{"proposals, no levels", &Proposals{}, []Spec{F32(3, 2), F32(3, 3, 16, 16)}, nil},
	{"proposals, an operand less", &rpn, []Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3)}, nil},
	{"proposals, sizes of 3", &rpn, []Spec{F32(3, 3), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, nil},
	{"proposals, an image of 3 axes", &rpn, []Spec{F32(3, 2), F32(3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, nil},
	{"proposals, other anchors", &rpn, []Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 3, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, nil},
	{"proposals, other deltas", &rpn, []Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 2), F32(3, 4, 1, 1)}, nil},
	{"proposals, an empty level", &rpn, []Spec{F32(3, 2), F32(3, 3, 16, 16), F32(3, 2, 0, 3), F32(3, 1, 1, 1), F32(3, 8, 0, 3), F32(3, 4, 1, 1)}, nil},
	{"proposals, larger than the image", &rpn, []Spec{F32(3, 2), F32(3, 3, 1, 16), F32(3, 2, 2, 3), F32(3, 1, 1, 1), F32(3, 8, 2, 3), F32(3, 4, 1, 1)}, nil},

	{"detections", &Detections{Max: 100}, []Spec{F32(2, 2), F32(2, 60, 4), i32(2), F32(120, 5), F32(120, 20)},
		[]Spec{F32(2, 100, 4), i64(2, 100), F32(2, 100), i32(2)}},
	{"detections, few", &Detections{Max: 100}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(12, 5), F32(12, 20)},
		[]Spec{F32(2, 24, 4), i64(2, 24), F32(2, 24), i32(2)}},
	{"detections, only background", &Detections{Max: 100}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(12, 1), F32(12, 4)},
		[]Spec{F32(2, 0, 4), i64(2, 0), F32(2, 0), i32(2)}},
	{"detections, negative", &Detections{Max: -1}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(12, 5), F32(12, 20)}, nil},
	{"detections, no classes", &Detections{Max: 9}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(12, 0), F32(12, 0)}, nil},
	{"detections, other rows", &Detections{Max: 9}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(11, 5), F32(11, 20)}, nil},
	{"detections, other deltas", &Detections{Max: 9}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(12, 5), F32(12, 19)}, nil},
	{"detections, other pictures", &Detections{Max: 9}, []Spec{F32(3, 2), F32(2, 6, 4), i32(2), F32(12, 5), F32(12, 20)}, nil},
	{"detections, an operand less", &Detections{Max: 9}, []Spec{F32(2, 2), F32(2, 6, 4), i32(2), F32(12, 5)}, nil},
	{"detections, counts in int64", &Detections{Max: 9}, []Spec{F32(2, 2), F32(2, 6, 4), i64(2), F32(12, 5), F32(12, 20)}, nil},

	{"masks", &MaskSelect{}, []Spec{F32(18, 5, 28, 27), i64(2, 9), i32(2)}, []Spec{F32(2, 9, 28, 27)}},
	{"masks, no classes", &MaskSelect{}, []Spec{F32(18, 0, 28, 28), i64(2, 9), i32(2)}, nil},
	{"masks, other rows", &MaskSelect{}, []Spec{F32(17, 5, 28, 28), i64(2, 9), i32(2)}, nil},
	{"masks, labels in int32", &MaskSelect{}, []Spec{F32(18, 5, 28, 28), i32(2, 9), i32(2)}, nil},
	{"masks, other counts", &MaskSelect{}, []Spec{F32(18, 5, 28, 28), i64(2, 9), i32(9)}, nil},
	{"keypoints", &Keypoints{Scale: 2}, []Spec{F32(18, 17, 28, 28), F32(2, 9, 4), i32(2)}, []Spec{F32(2, 9, 17, 3)}},
	{"keypoints, no kinds", &Keypoints{Scale: 2}, []Spec{F32(18, 0, 28, 28), F32(2, 9, 4), i32(2)}, []Spec{F32(2, 9, 0, 3)}},
	{"keypoints, no scale", &Keypoints{}, []Spec{F32(18, 17, 28, 28), F32(2, 9, 4), i32(2)}, nil},
	{"keypoints, other rows", &Keypoints{Scale: 2}, []Spec{F32(17, 17, 28, 28), F32(2, 9, 4), i32(2)}, nil},
	{"keypoints, no square", &Keypoints{Scale: 2}, []Spec{F32(18, 17, 28, 27), F32(2, 9, 4), i32(2)}, nil},
	{"keypoints, no pixels", &Keypoints{Scale: 2}, []Spec{F32(18, 17, 0, 0), F32(2, 9, 4), i32(2)}, nil},
	{"keypoints, boxes of five numbers", &Keypoints{Scale: 2}, []Spec{F32(18, 17, 8, 8), F32(2, 9, 5), i32(2)}, nil},
	{"keypoints, other counts", &Keypoints{Scale: 2}, []Spec{F32(18, 17, 8, 8), F32(2, 9, 4), i32(9)}, nil},
	{"keypoints, an operand less", &Keypoints{Scale: 2}, []Spec{F32(18, 17, 8, 8), F32(2, 9, 4)}, nil},
	{"dense detections", &dense, []Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 6, 4, 4), F32(1, 3, 2, 2), F32(1, 8, 4, 4),
		F32(1, 4, 2, 2)}, []Spec{F32(1, 15, 4), i64(1, 15), F32(1, 15), i32(1)}},
	{"dense detections, fewer candidates than Max", changed(dense, func(o *DenseDetections) { o.Max = 99 }),
		[]Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 2, 2, 2), F32(1, 1, 2, 2), F32(1, 8, 2, 2), F32(1, 4, 2, 2)},
		[]Spec{F32(1, 12, 4), i64(1, 12), F32(1, 12), i32(1)}},
	{"dense detections, centerness", changed(dense, func(o *DenseDetections) { o.Anchors, o.Centerness = levels[1:], true }),
		[]Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 3, 2, 2), F32(1, 4, 2, 2), F32(1, 1, 2, 2)},
		[]Spec{F32(1, 10, 4), i64(1, 10), F32(1, 10), i32(1)}},
	{"dense detections, other centerness", changed(dense, func(o *DenseDetections) { o.Anchors, o.Centerness = levels[1:], true }),
		[]Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 3, 2, 2), F32(1, 4, 2, 2), F32(1, 3, 2, 2)}, nil},
	{"dense detections, other classes", &dense, []Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 6, 4, 4), F32(1, 2, 2, 2),
		F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, part of a class", &dense, []Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 5, 4, 4), F32(1, 2, 2, 2),
		F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, no classes", &dense, []Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 0, 4, 4), F32(1, 0, 2, 2),
		F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, other deltas", &dense, []Spec{F32(1, 2), F32(1, 3, 32, 32), F32(1, 6, 4, 4), F32(1, 3, 2, 2),
		F32(1, 8, 4, 4), F32(1, 4, 2, 3)}, nil},
	{"dense detections, other pictures", &dense, []Spec{F32(2, 2), F32(1, 3, 32, 32), F32(1, 6, 4, 4), F32(1, 3, 2, 2),
		F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, a level larger than the image", &dense, []Spec{F32(1, 2), F32(1, 3, 3, 32), F32(1, 6, 4, 4),
		F32(1, 3, 2, 2), F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, too many logits", &dense, []Spec{F32(1, 2), F32(1, 3, 1<<16, 1<<16), F32(1, 2, 1<<16, 1<<16),
		F32(1, 1, 2, 2), F32(1, 8, 1<<16, 1<<16), F32(1, 4, 2, 2)}, nil},
	{"dense detections, no score", changed(dense, func(o *DenseDetections) { o.ScoreThreshold = math.NaN() }), []Spec{F32(1, 2),
		F32(1, 3, 32, 32), F32(1, 6, 4, 4), F32(1, 3, 2, 2), F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, less than none", changed(dense, func(o *DenseDetections) { o.Max = -1 }), []Spec{F32(1, 2),
		F32(1, 3, 32, 32), F32(1, 6, 4, 4), F32(1, 3, 2, 2), F32(1, 8, 4, 4), F32(1, 4, 2, 2)}, nil},
	{"dense detections, no level", &DenseDetections{}, []Spec{F32(1, 2), F32(1, 3, 32, 32)}, nil},
	{"masks, an operand less", &MaskSelect{}, []Spec{F32(18, 5, 28, 28), i64(2, 9)}, nil},
}

func TestInfer(t *testing.T) {
	for _, c := range infers {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.op.Infer(c.in...)
			if c.want == nil {
				e, ok := errors.AsType[*ShapeError](err)
				if !ok {
					t.Fatalf("want a ShapeError, got %v, %v", got, err)
				}
				if e.Op != c.op.Name() || e.Want == "" || len(e.In) != len(c.in) || !strings.Contains(err.Error(), c.op.Name()) {
					t.Errorf("the error does not say what is wrong: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if !got[i].Equal(c.want[i]) {
					t.Errorf("output %d: got %v, want %v", i, got[i], c.want[i])
				}
			}
		})
	}
}

// TestInferOfAnything: whatever the operands, there is an error or there are
// shapes that are valid, and every operator has a case of both.
func TestInferOfAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	anything := func() Spec {
		s := Spec{tensor.DTypes()[r.IntN(8)], make(tensor.Shape, r.IntN(6))}
		if r.IntN(2) == 0 {
			s.DType = tensor.Float32
		}
		for i := range s.Shape {
			s.Shape[i] = r.IntN(6)
		}
		return s
	}
	valid, broken := make(map[string]bool), make(map[string]bool)
	for _, c := range infers {
		if c.want == nil {
			broken[c.op.Name()] = true
		} else {
			valid[c.op.Name()] = true
		}
		for range 200 {
			in := make([]Spec, r.IntN(7))
			for i := range in {
				in[i] = anything()
				if i < len(c.in) && r.IntN(3) > 0 {
					in[i] = c.in[i]
				}
			}
			out, err := c.op.Infer(in...)
			if _, ok := errors.AsType[*ShapeError](err); err != nil && !ok {
				t.Fatalf("%s: of %v: %v", c.name, in, err)
			}
			for _, s := range out {
				if err := s.Shape.Validate(); err != nil || !s.DType.Valid() {
					t.Fatalf("%s: of %v: %v", c.name, in, s)
				}
			}
		}
	}
	if len(valid) != 27 || len(broken) != len(valid) {
		t.Errorf("operators with a valid case: %v, with a broken one: %v", valid, broken)
	}
}

func TestAffine(t *testing.T) {
	f := func(v ...float32) *tensor.Tensor {
		x, err := tensor.Of(v, len(v))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	o := &BatchNorm2d{Weight: f(2, -3), Bias: f(1, 0.5), Mean: f(4, 0), Var: f(0.75, 3.75), Eps: 0.25}
	scale, shift, err := o.Affine()
	if err != nil || scale[0] != 2 || shift[0] != 1-4*2 || scale[1] != -1.5 || shift[1] != 0.5 {
		t.Errorf("got %v, %v, %v", scale, shift, err)
	}
	o.Var = f(1)
	if _, _, err := o.Affine(); err == nil {
		t.Error("a short variance was taken")
	} else if _, ok := errors.AsType[*ShapeError](err); !ok {
		t.Errorf("want a ShapeError, got %v", err)
	}
	b, err := tensor.New(tensor.Bool, 2)
	if err != nil {
		t.Fatal(err)
	}
	o.Var = b
	_, _, err = o.Affine()
	if _, ok := errors.AsType[*tensor.DTypeError](err); !ok {
		t.Errorf("want a DTypeError, got %v", err)
	}
}

func TestLevels(t *testing.T) {
	o := RoIAlign{Scales: []float64{1.0 / 4, 1.0 / 8, 1.0 / 16, 1.0 / 32}, CanonicalScale: 224, CanonicalLevel: 4}
	if least, greatest := o.Levels(); least != 2 || greatest != 5 {
		t.Errorf("levels %d to %d", least, greatest)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		x1, y1, x2, y2 float32
		want           int
	}{
		{0, 0, 10, 10, 0}, {0, 0, 111, 111, 0}, {0, 0, 112, 112, 1}, {0, 0, 223, 223, 1}, {5, 7, 229, 231, 2},
		{0, 0, 447, 447, 2}, {0, 0, 448, 448, 3}, {0, 0, 1333, 800, 3}, {0, 0, 896, 56, 2}, {0, 0, 1e30, 1e30, 3},
		{3, 3, 3, 9, 0}, {9, 0, 3, 9, 0}, {9, 9, 3, 3, 0}, {nan, 0, 3, 9, 0}, {0, 0, inf, 9, 3},
	} {
		if got := o.Level(c.x1, c.y1, c.x2, c.y2); got != c.want {
			t.Errorf("box %v %v %v %v: level %d, want %d", c.x1, c.y1, c.x2, c.y2, got, c.want)
		}
	}
}

// TestNearest: twice the size repeats every pixel, and no pixel is outside.
func TestNearest(t *testing.T) {
	for in := 1; in < 70; in++ {
		for i := range 2 * in {
			if got := Nearest(i, in, 2*in); got != i/2 {
				t.Fatalf("pixel %d of %d from %d is %d", i, 2*in, in, got)
			}
		}
		for out := 1; out < 70; out++ {
			last := 0
			for i := range out {
				got := Nearest(i, in, out)
				if got < last || got >= in || in == out && got != i {
					t.Fatalf("pixel %d of %d from %d is %d after %d", i, out, in, got, last)
				}
				last = got
			}
		}
	}
	if got := Nearest(23, 14, 46); got != 6 { // 7 in exact arithmetic
		t.Errorf("PyTorch's float32 quotient gives 6, got %d", got)
	}
}
