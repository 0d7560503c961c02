// Package op defines the operators that networks are made of and what a
// backend must do to run them.
//
// An operator is data: attributes, weights and a fused epilogue. Its doc
// comment is its formula; package optest has the formula as a loop in
// float64. An operator knows the type and shape of its outputs ([Op.Infer])
// and nothing about devices, so a new operator breaks no backend and a new
// backend touches no operator.
//
// A network reaches a [Backend] as a whole, fused [Graph] without shapes,
// because layouts depend on neighbours. The backend chooses kernels and packs
// weights once ([Backend.Load]), plans memory per input shape
// ([Model.Program]) and then runs ([Program.RunInto]).
//
// Logically every image is (N, C, H, W). The layout inside a backend is its
// own affair and is converted at the outer border only.
//
// # Values whose rows are counted
//
// A detector does not know how many boxes it will find. Operators that make
// boxes ([Proposals], [Detections], [DenseDetections]) have a fixed capacity and a second output
// that counts, per picture, how many of the places are used; the rest is zero.
// [RoIAlign] packs the used boxes of all pictures one after the other, so the
// values computed from its output have (sum of counts) meaningful leading
// rows. [CountedRows] tells a backend which values those are: it need not
// compute the rest, whose content is unspecified inside a graph and zero in
// an output of the network.
//
// Read op.go, then graph.go and backend.go, then any operator.
package op
