//go:build linux && cgo && !nocuda

package cudnn

// #include "cudnn.h"
import "C"

import "fmt"

// Type is what tensors are of.
type Type int

// The types of tensors.
const (
	Float32 Type = iota
	BFloat16
	Float16
)

// size returns the bytes of an element.
func (t Type) size() int {
	if t == Float32 {
		return 4
	}
	return 2
}

func (t Type) enum() C.int {
	return [...]C.int{C.CUDNN_DATA_FLOAT, C.CUDNN_DATA_BFLOAT16, C.CUDNN_DATA_HALF}[t]
}

// Convolution is y = conv(x, w) + residual + bias, with a ReLU or without. x is
// (N, H, W, C), the residual and y are (N, Ho, Wo, K), w is (K, KH, KW, C) and
// bias (K), all without gaps, of one type and aligned to 16 bytes. What is
// computed is float32.
type Convolution struct {
	Type                              Type
	N                                 int
	X                                 [3]int // H, W, C
	Y                                 [3]int // Ho, Wo, K
	Kernel, Stride, Padding, Dilation [2]int // vertical and horizontal
	Residual, ReLU                    bool

	// TensorCores lets engines multiply on tensor cores, which round float32
	// operands to TF32.
	TensorCores bool
}

// alignment is what tensors are aligned to, in bytes.
const alignment = 16

// check returns a [*ShapeError] unless the sizes are those of a convolution.
func (c *Convolution) check() error {
	wrong := func(format string, args ...any) error { return &ShapeError{fmt.Sprintf(format, args...)} }
	if c.Type < Float32 || c.Type > Float16 {
		return wrong("type %d", c.Type)
	}
	for _, n := range []int{c.N, c.X[0], c.X[1], c.X[2], c.Y[0], c.Y[1], c.Y[2]} {
		if n <= 0 {
			return wrong("nothing in x %d %v or y %v", c.N, c.X, c.Y)
		}
	}
	if lanes := alignment / c.Type.size(); c.X[2]%lanes != 0 || c.Y[2]%lanes != 0 {
		return wrong("%d and %d channels are not multiples of %d bytes", c.X[2], c.Y[2], alignment)
	}
	for i := range 2 {
		k, s, p, d := c.Kernel[i], c.Stride[i], c.Padding[i], c.Dilation[i]
		if k < 1 || s < 1 || p < 0 || d < 1 {
			return wrong("kernel %v, stride %v, padding %v, dilation %v", c.Kernel, c.Stride, c.Padding, c.Dilation)
		}
		if over := c.X[i] + 2*p - d*(k-1) - 1; over < 0 || over/s+1 != c.Y[i] {
			return wrong("y of %v from x of %v with kernel %v, stride %v, padding %v, dilation %v",
				c.Y, c.X, c.Kernel, c.Stride, c.Padding, c.Dilation)
		}
	}
	return nil
}

// The identifiers of the tensors; those between operations follow.
const (
	idX = 1 + iota
	idW
	idResidual
	idBias
	idY
	idBetween
)

// tensor makes a tensor (n, h, w, c), which cuDNN has in the order n, c, h, w.
func (m *maker) tensor(what string, id int, t Type, n, h, w, c int, between bool) descriptor {
	return m.make(C.CUDNN_BACKEND_TENSOR_DESCRIPTOR, what,
		enum(C.CUDNN_ATTR_TENSOR_DATA_TYPE, C.CUDNN_TYPE_DATA_TYPE, t.enum()),
		integers(C.CUDNN_ATTR_TENSOR_DIMENSIONS, n, c, h, w),
		integers(C.CUDNN_ATTR_TENSOR_STRIDES, h*w*c, 1, w*c, c),
		integers(C.CUDNN_ATTR_TENSOR_UNIQUE_ID, id),
		integers(C.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment),
		boolean(C.CUDNN_ATTR_TENSOR_IS_VIRTUAL, between))
}

// graph makes the graph of a convolution.
func (m *maker) graph(c *Convolution, d *Device) descriptor {
	y := func(what string, id int, t Type) descriptor {
		return m.tensor(what, id, t, c.N, c.Y[0], c.Y[1], c.Y[2], id >= idBetween)
	}
	at := m.tensor("what is between", idBetween, Float32, c.N, c.Y[0], c.Y[1], c.Y[2], true)
	operations := []descriptor{m.convolution(c, at)}
	point := func(what string, mode C.int, last bool, second ...attribute) {
		out := descriptor(nil)
		if last {
			out = y("y", idY, c.Type)
		} else {
			out = y("what is between", idBetween+len(operations), Float32)
		}
		operations = append(operations, m.pointwise(what, mode, at, out, second...))
		at = out
	}
	if c.Residual {
		point("addition of the residual", C.CUDNN_POINTWISE_ADD, false,
			descriptors(C.CUDNN_ATTR_OPERATION_POINTWISE_BDESC, y("residual", idResidual, c.Type)))
	}
	point("addition of the bias", C.CUDNN_POINTWISE_ADD, !c.ReLU,
		descriptors(C.CUDNN_ATTR_OPERATION_POINTWISE_BDESC, m.tensor("bias", idBias, c.Type, 1, 1, 1, c.Y[2], false)))
	if c.ReLU {
		point("ReLU", C.CUDNN_POINTWISE_RELU_FWD, true)
	}
	attributes := []attribute{descriptors(C.CUDNN_ATTR_OPERATIONGRAPH_OPS, operations...)}
	if d.handle != nil {
		attributes = append(attributes, newAttribute(C.CUDNN_ATTR_OPERATIONGRAPH_HANDLE, C.CUDNN_TYPE_HANDLE,
			[]descriptor{d.handle}))
	}
	return m.make(C.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "operation graph", attributes...)
}

// convolution makes the first operation.
func (m *maker) convolution(c *Convolution, y descriptor) descriptor {
	x := m.tensor("x", idX, c.Type, c.N, c.X[0], c.X[1], c.X[2], false)
	w := m.tensor("weights", idW, c.Type, c.Y[2], c.Kernel[0], c.Kernel[1], c.X[2], false)
	how := m.make(C.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "convolution",
		enum(C.CUDNN_ATTR_CONVOLUTION_COMP_TYPE, C.CUDNN_TYPE_DATA_TYPE, C.CUDNN_DATA_FLOAT),
		enum(C.CUDNN_ATTR_CONVOLUTION_CONV_MODE, C.CUDNN_TYPE_CONVOLUTION_MODE, C.CUDNN_CROSS_CORRELATION),
		integers(C.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2),
		integers(C.CUDNN_ATTR_CONVOLUTION_DILATIONS, c.Dilation[:]...),
		integers(C.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, c.Stride[:]...),
		integers(C.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, c.Padding[:]...),
		integers(C.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, c.Padding[:]...))
	return m.make(C.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, "convolution operation",
		float(C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1),
		float(C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0),
		descriptors(C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, how),
		descriptors(C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x),
		descriptors(C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w),
		descriptors(C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y))
}

// pointwise makes an operation on each element of x, with a second operand or
// without.
func (m *maker) pointwise(what string, mode C.int, x, y descriptor, second ...attribute) descriptor {
	how := m.make(C.CUDNN_BACKEND_POINTWISE_DESCRIPTOR, what,
		enum(C.CUDNN_ATTR_POINTWISE_MODE, C.CUDNN_TYPE_POINTWISE_MODE, mode),
		enum(C.CUDNN_ATTR_POINTWISE_MATH_PREC, C.CUDNN_TYPE_DATA_TYPE, C.CUDNN_DATA_FLOAT))
	return m.make(C.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, what, append([]attribute{
		descriptors(C.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how),
		descriptors(C.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x),
		descriptors(C.CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y)}, second...)...)
}
