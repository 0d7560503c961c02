//go:build linux && cgo && !nocuda

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// A foreign is a library of NVIDIA's, by the names that its file has and where
// those are looked for. This file is the one list of that. In this order:
//
//  1. the path that the [Options] have for it, and then nowhere else;
//  2. by name, where the system's loader looks: the path in the program,
//     LD_LIBRARY_PATH, the loader's cache;
//  3. in the wheels that pip installs, as for PyTorch: site-packages/nvidia below
//     the folder that the first python3 and python in PATH are installed in, which
//     is that of an active virtual environment, and the one it was made from;
//  4. likewise below the folder of the program itself and the one around it, for
//     a program that was put into an environment's bin, or beside a site-packages
//     folder;
//  5. where the CUDA toolkit and the system's packages have it.
type foreign struct {
	name    string
	files   []string // the preferred one first
	wheels  bool     // whether pip installs it
	folders []string // other folders, by patterns
}

var (
	foreignDriver = foreign{"NVIDIA's driver", []string{"libcuda.so.1"}, false, []string{
		"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
		"/usr/local/nvidia/lib64", // Kubernetes, Dataflow
		"/usr/lib/wsl/lib",
	}}
	foreignCUBLASLt = foreign{"cuBLASLt", []string{"libcublasLt.so.13", "libcublasLt.so.12"}, true, toolkit}
	foreignCUDNN    = foreign{"cuDNN", []string{"libcudnn.so.9"}, true, toolkit}
)

var toolkit = []string{"/usr/local/cuda/lib64", "/usr/local/cuda-*/lib64",
	"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"}

// find loads a library from the first place that has one which can be loaded. It
// returns why all places before that could not be used.
func find[T any](f *foreign, path string, load func(path string) (T, error)) (found T, ok bool, tried []error) {
	try := func(path string) bool {
		err := looksLoadable(path)
		if err == nil {
			found, err = load(path)
		}
		if err != nil {
			tried = append(tried, err)
		}
		return err == nil
	}
	if path != "" {
		return found, try(path), tried
	}
	for _, name := range f.files {
		if try(name) {
			return found, true, tried
		}
	}
	seen := make(map[string]bool) // files by their real paths
	for _, folder := range f.places() {
		var files []string
		for _, name := range f.files {
			found, _ := filepath.Glob(filepath.Join(folder, name)) // the patterns are well-formed
			slices.Reverse(found)                                  // of /usr/local/cuda-12.9 and cuda-13.0 the later one
			files = append(files, found...)
		}
		if len(files) == 0 {
			tried = append(tried, &NoFileError{folder, f.files})
		}
		for _, file := range files {
			if real, err := filepath.EvalSymlinks(file); err == nil && !seen[real] {
				seen[real] = true
				if try(file) {
					return found, true, tried
				}
			}
		}
	}
	return found, false, tried
}

// places returns the folders that are looked into after the loader has looked, as
// patterns.
func (f *foreign) places() []string {
	var list []string
	if f.wheels {
		for _, site := range sites() {
			list = append(list, filepath.Join(site, "nvidia/*/lib"))
		}
	}
	return append(list, f.folders...)
}

// sites returns where Python's packages may be, as patterns.
func sites() []string {
	var list []string
	add := func(site string) {
		if !slices.Contains(list, site) {
			list = append(list, site)
		}
	}
	const packages = "lib/python3*/*-packages" // Debian's folder is dist-packages
	around := func(program string) { add(filepath.Join(filepath.Dir(filepath.Dir(program)), packages)) }
	for _, name := range []string{"python3", "python"} {
		if python, err := exec.LookPath(name); err == nil {
			around(python)
			if real, err := filepath.EvalSymlinks(python); err == nil {
				around(real)
			}
		}
	}
	if program, err := os.Executable(); err == nil {
		add(filepath.Join(filepath.Dir(program), "site-packages"))
		add(filepath.Join(filepath.Dir(program), packages))
		around(program)
	}
	return list
}
