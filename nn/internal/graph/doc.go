// Package graph records networks as they are traced and fuses them.
//
// A [Trace] collects operators in the order in which a Forward method applies
// them. [Fuse] then applies four rules wherever an intermediate value has one
// reader: a batch norm is folded into the convolution before it, an addition
// becomes that convolution's residual, a nearest upsampling in front of the
// addition becomes the way the residual is read, and an activation becomes
// the last thing the convolution does. [Narrow] computes what is read of one pixel
// only for that pixel. [Dump] prints the result.
package graph
