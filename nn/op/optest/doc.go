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
// [Reference] is the formulas as loops, one file per family of operators
// beside its cases. It is a complete backend, which shows what a new one has
// to implement: three small interfaces.
//
// Adding an operator takes one file here: its loop, its cases, a line in
// evaluate and a line in cases.
package optest
