// Package optest holds every backend to the operators' formulas.
//
// [Run] is the one conformance suite. A backend's test is one line:
//
//	func TestOperators(t *testing.T) { optest.Run(t, kernels.CPU()) }
//
// It runs each operator alone, with the kernels, strides and channels of real
// networks on small maps, at sizes that are no multiple of anything, at the
// smallest and at no size at all, plain and with every epilogue, and compares
// with [Reference]; then small networks, fused and not; then the promises of
// the contract in package op: results that do not depend on the number of
// threads, on the other pictures of a batch or on what ran before; safe
// concurrent use; errors that say what is wrong.
//
// [RunAt] runs it at a lower [op.Precision]. A graph that rounds then, one with a
// product in tf32, one with any operator on maps in 16 bits, may be further from
// the exact result: by 6·2⁻ᵇ of the greatest element, and as a normalised error of
// each channel, for b significant bits, which are 11 in tf32 and float16 and 8 in
// bfloat16. That is the sum of what x, w, y and a residual lose when each is
// rounded once. What copies numbers (pooling by maximum, upsampling, flattening)
// may be off by one rounding, 2⁻ᵇ of each number. Selecting operators are float32
// in every precision and held to float32's tolerances. In a whole detector, where
// almost equal scores may change places, each operator is held against the
// reference given the operands that the backend has made itself. Numbers beyond
// 65504, the greatest float16, are cut to that.
//
// [Reference] is the formulas as loops, one file per family of operators
// beside its cases. It is a complete backend, which shows what a new one has
// to implement: three small interfaces.
//
// Adding an operator takes one file here: its loop, its cases, a line in
// evaluate and a line in cases.
package optest
