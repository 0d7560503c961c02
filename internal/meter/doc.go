// Package meter tells what a network spends its time on: per layer the time,
// and the floating-point operations of the shapes that really ran.
//
// A [Meter] is a backend that stands in front of another. It sees the fused
// graph when the network is loaded and the shapes when it runs, so it works
// for anything that is loaded on a backend, and the network's own code knows
// nothing of it. How many rows of a detector's values are meaningful (see
// op.Graph's CountedRows) it learns by asking for the counts as further
// outputs.
package meter
