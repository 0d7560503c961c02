// Package headertest tests that what is held against NVIDIA's headers would be
// found wrong if it were: for the packages that declare functions of libraries.
package headertest
