// Package tensor holds the dense arrays that networks read and write.
//
// A [Tensor] is an element type, a [Shape] and row-major bytes, and nothing
// else: no strides, no device, no gradient. Views are therefore contiguous
// and free ([Tensor.Reshape], [Tensor.Slice], [Tensor.Index]), and a tensor
// can share its memory with a Go slice ([Of]) or with a mapped file
// ([FromBytes]) without a copy.
//
// Read [Shape] first, then [DType], then [Tensor]; half.go converts the two
// 16-bit float formats exactly, to the bit, as PyTorch does.
//
// The package imports nothing of Argand's.
package tensor
