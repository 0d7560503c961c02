// Package cublaslt has a fake of NVIDIA's cuBLASLt over the fake driver's memory,
// for tests.
package cublaslt
