// Torch runs a network of one's own, with weights that PyTorch has trained and saved, as an Apache Beam job: it reads
// digits off the seven segments of a display. Lines of seven brightnesses go in, a digit and its probability a line
// come out. From the root of the repository:
//
//	go run ./examples/torch
//
// The network is in network.go: ten lines of Go for PyTorch's class in make_segments.py, which wrote segments.pth.
// main.go is the pipeline, with a step before the network and one after. Lines that are no readings are dead letters.
// It takes every flag of Beam's Go SDK, --runner among them.
package main
