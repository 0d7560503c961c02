// Package driver calls NVIDIA's driver, libcuda, which it opens when the
// program runs: nothing of CUDA is needed to build, and a program with this
// package starts on a machine without a GPU.
//
// Read functions.h first, the list of the functions that are called; driver.h
// and driver.c, which make each call in its context, so that goroutines need
// not keep to a thread; then library.go (opening, devices), context.go (memory
// of a device, lost contexts), adopt.go (contexts and streams that others have
// made), stream.go, launch.go and graph.go (work on a device), and errors.go.
//
// Handles must be closed: a finalizer may not call the driver. What a context
// has made goes with it when [Context.Close] is called.
//
// Without cgo, with the build tag nocuda, and on anything but Linux only
// errors.go is there.
package driver
