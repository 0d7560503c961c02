// Package cudnn builds a library that behaves as cuDNN would, for tests of what
// calls it on machines without a GPU: of its graphs, as many as are used here. It
// works with a fake driver's streams and memory, is stricter than cuDNN, and has
// engines with all notes; those that do not compute what is asked for are off by
// enough to be seen. It needs a C++ compiler. The library is fake/cudnn.cpp.
package cudnn
