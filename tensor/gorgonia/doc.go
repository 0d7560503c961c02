// Package gorgonia lends the memory of tensors to gorgonia.org/tensor and
// borrows it back, without a copy.
//
//	d, err := gorgonia.ToDense(t)   // a *tensor.Dense of gorgonia's over t's memory
//	t, err := gorgonia.FromDense(d) // a tensor over d's memory
//
// It is an adapter at the border, for programs that have gorgonia code and
// want weights from checkpoints in it, or its results in a network. Argand's
// own types do not build on gorgonia's, because a Dense has no 16-bit floats
// and panics on shapes without elements, such as the (0, 4) boxes of a picture
// without detections. Read dense.go; errors.go has what cannot cross.
//
// # What crosses
//
//	float32, float64, complex64, complex128, bool,
//	int64, int32, int16, int8 and unsigned        both ways
//	Go's int                                      FromDense, as int64 or int32
//	scalars, any number of axes                   both ways
//	shapes without elements                       FromDense only
//	float16, bfloat16                             not; Tensor.Float32s converts
//	masks, columns, blocks, Fortran order         not; copy in gorgonia first
//
// What does not cross is an [*Error] that names type and shape; nothing
// panics. Memory without alignment, which older checkpoints have, crosses as
// it is: gorgonia and gonum compute on it on amd64 and arm64, the machines on
// which [tensor.Data] gives it out. Gorgonia's build tags sse and avx assume an
// alignment that Go's own slices do not have either; do not set them.
//
// # Lifetime
//
// A tensor can lie in a mapped file, which is unmapped when the last tensor
// over it is unreachable. The garbage collector does not follow a Dense's
// pointer into such memory. So the engine of a Dense from [ToDense] is
// gorgonia's standard engine with a reference to the tensor, and since gorgonia
// hands engines on, the file stays mapped for as long as the Dense, or a view
// or a clone of it, is reachable. Two consequences:
//
//   - A slice from Dense.Data or Dense.Float32s has no engine. It is valid for
//     as long as a Dense over the memory is reachable, as with [tensor.Data].
//   - Results get the engine too: the product of a small Dense and a large
//     weight can keep the large weight's memory. Copy the product's slice into
//     a new Dense to let go of the weight.
//
// A mapped file is mapped for reading. In-place operations of gorgonia (Memset,
// SetAt, UseUnsafe, WithReuse, Transpose) on it end the program with a memory
// fault, which recover does not catch; use ToDense(t.Clone()), or open the
// checkpoint with loaders.WithCopy, for a Dense to be written to.
//
// A tensor from [FromDense] keeps the Dense and its engine. For memory that
// gorgonia calls manually managed (FromMemory) the caller must keep the memory
// for as long as the tensor is used.
//
// # What it costs
//
// No other package of Argand's imports this one, so only programs that ask for
// it link gorgonia: 76 packages of 15 modules, among them gonum, Apache Arrow,
// flatbuffers and two protobuf runtimes, for gorgonia's file formats. A program
// that does nothing else grows from 2.4 to 18.5 MB (linux/amd64). In the module
// graph they are 50 modules more, none of which changes a version that Argand
// has without it. Licences of what is linked: Apache 2.0 (gorgonia.org/tensor,
// arrow, flatbuffers), MIT (vecf32, vecf64, hm) and BSD (the rest).
//
// gorgonia.org/tensor v0.9.24 is the newest version, of 2022. It asks for a
// version of go4.org/unsafe/assume-no-moving-gc that panics when a program
// starts that was built with Go 1.21 or later; Argand's go.mod therefore
// requires v0.0.0-20231121144256-b99613f794b6 of it, which asks the runtime
// instead, and every module that requires Argand gets it too.
package gorgonia
