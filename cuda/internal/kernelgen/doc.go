// Command kernelgen compiles the kernels of the CUDA backend with NVIDIA's NVRTC
// and writes what programs embed: an image for each architecture, PTX for those
// to come, and a manifest with what is known of them. It needs no GPU, no header
// and no C++ compiler, but the library in cuda/kernel/requirements.txt. What it
// writes depends on nothing but the sources and the version of NVRTC.
//
//	cuda/kernel/generate
//
// installs that and runs this. With -check it writes nothing and fails if the
// committed files are not these.
package main
