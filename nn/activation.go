package nn

import "github.com/argand-go/argand/nn/op"

// ReLU returns max(x, 0), element by element.
func ReLU(x Value) Value { return activation(op.ReLU, x) }

// Sigmoid returns 1 / (1 + e⁻ˣ), element by element.
func Sigmoid(x Value) Value { return activation(op.Sigmoid, x) }

// SiLU returns x / (1 + e⁻ˣ), element by element: the swish of EfficientNet.
func SiLU(x Value) Value { return activation(op.SiLU, x) }

// Hardswish returns x·min(max(x+3, 0), 6) / 6, element by element.
func Hardswish(x Value) Value { return activation(op.HardSwish, x) }

// Hardsigmoid returns min(max(x+3, 0), 6) / 6, element by element.
func Hardsigmoid(x Value) Value { return activation(op.HardSigmoid, x) }

// ReLU6 returns min(max(x, 0), 6), element by element.
func ReLU6(x Value) Value { return activation(op.ReLU6, x) }

// GELU returns x·(1 + erf(x/√2)) / 2, element by element: PyTorch's default, not
// the approximation by tanh.
func GELU(x Value) Value { return activation(op.GELU, x) }

func activation(a op.Act, x Value) Value { return apply("", &op.Activation{Act: a}, x) }
