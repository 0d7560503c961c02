// Package device opens the device that a program is asked for by name, for
// commands, examples and package beamio: "cpu", "auto", "cuda" or "cuda:1".
//
// An explicit "cuda" is that device or an error with all that was tried. "auto"
// is a GPU if one can be opened, or else the CPU, and the [Device] says why.
//
// A GPU is opened once in a process, however many users it has, so that models
// on it share its kernels, its memory and the limit on that. Which GPUs are open is
// the package's only global state.
package device
