// Package cuda is to be the backend for NVIDIA's GPUs. What is here is its
// ground: [Probe] finds the driver and the devices, and tells everything it
// tried. No network runs on a GPU yet.
//
// The driver, libcuda, is opened when the program runs, so that nothing of CUDA
// is needed to build, and one program runs with a GPU and without. That takes
// cgo and Linux; without them, or with the build tag nocuda, Probe says so.
package cuda
