// Package benchmarks measures whole networks on full-size weights:
//
//	go test -bench . ./benchmarks
//
// Beside ns/op every benchmark reports GFLOP/s (a multiply-add is two
// operations, and convolutions count as direct ones whatever algorithm computes
// them) and the share of the peak of the threads that compute, measured before
// every run. Time by layer tells "argand bench".
//
// Others report what their names say: BenchmarkThreads, ConcurrentResNet50,
// Load, FirstRun, and in processes of their own Startup and Memory.
//
// Directory peers compares with PyTorch, ONNX Runtime and OpenVINO in one
// interleaved run; RESULTS.md has what it found.
package benchmarks
