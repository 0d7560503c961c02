// Package cudnn calls NVIDIA's library of convolutions, cuDNN 9, which it opens
// when the program runs: nothing of it is needed to build, and a program runs
// where it is not installed.
//
// cuDNN is told of a computation as a graph of descriptors, things with
// attributes that are set and then made final. The graph here is always
//
//	y = relu(conv(x, w) + residual + bias)
//
// in this order, with the residual and the ReLU left out where there are none,
// all tensors of one type and what is between the operations float32: it is the
// one for which there are compiled kernels. With the bias before the residual, or
// of float32 in a graph of 16 bits, or with a result of another type than the
// operands', cuDNN 9.26 has only kernels that it would compile at run time, or
// none.
//
// For a graph cuDNN's heuristics name engines, which differ in how they compute
// and how exactly. What they do is told by numerical notes; heuristics for
// float32 name those first that round the operands to TF32. [Device.Plans] keeps
// the engines whose notes say that they compute as they were asked to.
//
// Read functions.h first, the list of the functions and values that are used,
// which headers/headers.cpp holds against NVIDIA's; then cudnn.h and cudnn.c;
// library.go (opening), convolution.go (the graph), notes.go (how exact engines
// are), plan.go (from the graph to plans), device.go (running them), descriptor.go
// (attributes) and errors.go.
//
// Without cgo, with the build tag nocuda, and on anything but Linux only
// errors.go is there.
package cudnn
