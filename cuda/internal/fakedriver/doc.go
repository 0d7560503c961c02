// Package fakedriver builds a library that behaves as NVIDIA's driver would,
// over the host's memory, for tests of what calls the driver on machines
// without a GPU. It needs a C++ compiler. The library is fake/fake.cpp.
package fakedriver
