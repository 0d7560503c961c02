// Package procedural makes the weights of full-size networks from formulas, so
// that tests and benchmarks need no checkpoints of hundreds of megabytes.
//
// Every weight is scale·u(name, i) with numbers u of a generator that is seeded
// with the tensor's name ([Fill]); the Python scripts in testdata/tv0292 and
// testdata/resnet make the same numbers, and recorded what torchvision computes
// with them. Names and shapes of the tensors are in testdata/keys.
package procedural
