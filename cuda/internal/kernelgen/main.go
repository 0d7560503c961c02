//go:build linux && cgo

package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/argand-go/argand/cuda/kernel"
)

// targets are what kernels are compiled for: the architectures of devices, and PTX for those to come.
var targets = []string{"sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120", "compute_75"}

var options = []string{"-std=c++17", "--ptxas-options=-v"}

func main() {
	nvrtc := flag.String("nvrtc", "", "`DIR` of libnvrtc")
	dir := flag.String("dir", ".", "`DIR` of the sources, with bin in it for the images")
	check := flag.Bool("check", false, "write nothing, and fail if that would change anything")
	flag.Parse()
	if err := run(*nvrtc, *dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "kernelgen:", err)
		os.Exit(1)
	}
}

func run(nvrtc, dir string, check bool) error {
	c, err := openCompiler(nvrtc)
	if err != nil {
		return err
	}
	headers, err := readHeaders(dir)
	if err != nil {
		return err
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*.cu"))
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	m := kernel.Manifest{Compiler: fmt.Sprintf("NVRTC %d.%d", c.major, c.minor), Options: options}
	images := make(map[string][]byte) // by file, as compiled
	for _, path := range sources {
		sum, err := kernel.Digest(os.DirFS(dir), filepath.Base(path))
		if err != nil {
			return err
		}
		var unit *kernel.Unit
		if !check {
			unit = kept(bin, m, sum, images)
		}
		if unit == nil {
			if unit, err = c.unit(path, headers, images); err != nil {
				return err
			}
			unit.SHA256 = sum
		}
		m.Units = append(m.Units, *unit)
	}
	text, err := json.MarshalIndent(&m, "", "\t")
	if err != nil {
		return err
	}
	if check {
		return compare(bin, append(text, '\n'), images)
	}
	return write(bin, append(text, '\n'), images)
}

// readHeaders returns what sources include on a GPU.
func readHeaders(dir string) ([]header, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.h"))
	if err != nil {
		return nil, err
	}
	var all []header
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "emulator") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, header{filepath.Base(path), string(text)})
	}
	return all, nil
}

// Lines of a source that say how it is compiled.
var (
	onlyFor = regexp.MustCompile(`(?m)^// targets: (.*)$`)
	with    = regexp.MustCompile(`(?m)^// options: (.*)$`)
)

// targetsOf returns what a source is compiled for.
func targetsOf(source []byte) []string {
	if line := onlyFor.FindSubmatch(source); line != nil {
		return strings.Fields(string(line[1]))
	}
	return targets
}

// kept returns the unit that is in bin already and would be compiled to the same bits again, with its images, or nil if
// there is none: to compile all takes minutes.
func kept(bin string, m kernel.Manifest, sum string, images map[string][]byte) *kernel.Unit {
	var old kernel.Manifest
	text, err := os.ReadFile(filepath.Join(bin, manifestFile))
	if err != nil || json.Unmarshal(text, &old) != nil ||
		old.Compiler != m.Compiler || !slices.Equal(old.Options, m.Options) {
		return nil
	}
	i := slices.IndexFunc(old.Units, func(u kernel.Unit) bool { return u.SHA256 == sum })
	if i < 0 {
		return nil
	}
	u := &old.Units[i]
	source, err := os.ReadFile(filepath.Join(filepath.Dir(bin), u.Source))
	if err != nil {
		return nil
	}
	var list []string
	all := make(map[string][]byte)
	for _, image := range u.Images {
		data, err := unzip(filepath.Join(bin, image.File))
		if err != nil || digest(data) != image.SHA256 {
			return nil
		}
		list = append(list, image.Target)
		all[strings.TrimSuffix(image.File, ".gz")] = data
	}
	if !slices.Equal(list, targetsOf(source)) {
		return nil
	}
	maps.Copy(images, all)
	return u
}

// unit compiles a source for its targets.
func (c *compiler) unit(path string, headers []header, images map[string][]byte) (*kernel.Unit, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	u := &kernel.Unit{Source: name, Parameters: make(map[string][]int)}
	flags := slices.Clone(options)
	if line := with.FindSubmatch(source); line != nil {
		flags = append(flags, strings.Fields(string(line[1]))...)
	}
	for _, target := range targetsOf(source) {
		arch := append([]string{"-arch=" + target}, flags...)
		log, ptx, image, err := c.compile(name, string(source), headers, arch)
		if err != nil {
			return nil, err
		}
		file := strings.TrimSuffix(name, ".cu") + "." + target
		if strings.HasPrefix(target, "compute_") {
			if image, err = lowered(ptx, target); err != nil {
				return nil, err
			}
		}
		if len(image) == 0 {
			return nil, fmt.Errorf("%s: nothing was compiled for %s", name, target)
		}
		images[file] = image
		u.Images = append(u.Images, kernel.Image{
			Target: target, File: file + ".gz", SHA256: digest(image), Registers: registers(log)})
		for k, sizes := range parameters(ptx) {
			u.Parameters[k] = sizes
		}
	}
	return u, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// versions are the first versions of PTX that know a target. The compiler writes its own, newest one, which older
// drivers refuse; ours says nothing that needs it.
var versions = map[string]string{"compute_75": "6.3", "compute_80": "7.0", "compute_90": "7.8"}

var versionLine = regexp.MustCompile(`(?m)^\.version .*$`)

func lowered(ptx []byte, target string) ([]byte, error) {
	v, known := versions[target]
	if !known || len(versionLine.FindAll(ptx, -1)) != 1 {
		return nil, fmt.Errorf("%s: no version of PTX to write", target)
	}
	return versionLine.ReplaceAll(ptx, []byte(".version "+v)), nil
}

var (
	entry     = regexp.MustCompile(`(?s)\.entry (\w+)\((.*?)\)`)
	parameter = regexp.MustCompile(`\.param (?:\.align \d+ )?\.[a-z](\d+) \w+(?:\[(\d+)\])?`)
	used      = regexp.MustCompile(
		`Function properties for (\w+)\n.* (\d+) bytes spill stores.*(?:\n.*: Used (\d+) registers)?`)
)

// parameters returns the sizes in bytes of each kernel's parameters.
func parameters(ptx []byte) map[string][]int {
	all := make(map[string][]int)
	for _, e := range entry.FindAllSubmatch(ptx, -1) {
		sizes := []int{}
		for _, p := range parameter.FindAllSubmatch(e[2], -1) {
			bits, _ := strconv.Atoi(string(p[1])) // digits both
			n, err := strconv.Atoi(string(p[2]))
			if err != nil {
				n = 1
			}
			sizes = append(sizes, bits/8*n)
		}
		all[string(e[1])] = sizes
	}
	return all
}

// registers returns what each function of an image uses, as the assembler says. Registers are counted with a kernel,
// not with a function that it calls.
func registers(log string) map[string]kernel.Registers {
	all := make(map[string]kernel.Registers)
	for _, m := range used.FindAllStringSubmatch(log, -1) {
		spilled, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3]) // 0 if it is not there
		all[m[1]] = kernel.Registers{Used: n, SpilledBytes: spilled}
	}
	return all
}

const manifestFile = "MANIFEST.json"

// compare returns an error for each file of bin that is not what was compiled. Images are compared as compiled: how
// they are compressed may change with Go.
func compare(bin string, manifest []byte, images map[string][]byte) error {
	old, err := os.ReadFile(filepath.Join(bin, manifestFile))
	if err == nil && !bytes.Equal(old, manifest) {
		err = fmt.Errorf("%s is out of date: run go generate ./cuda/kernel", manifestFile)
	}
	errs := []error{err}
	for name, want := range images {
		got, err := unzip(filepath.Join(bin, name+".gz"))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s is out of date", name)
		}
		errs = append(errs, err)
	}
	entries, err := os.ReadDir(bin)
	errs = append(errs, err)
	for _, e := range entries {
		if _, known := images[strings.TrimSuffix(e.Name(), ".gz")]; !known && e.Name() != manifestFile {
			errs = append(errs, fmt.Errorf("%s has no source", e.Name()))
		}
	}
	return errors.Join(errs...)
}

func unzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(z)
}

// write writes what bin has not got yet, and removes what has no source.
func write(bin string, manifest []byte, images map[string][]byte) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for name, image := range images {
		path := filepath.Join(bin, name+".gz")
		if old, err := unzip(path); err == nil && bytes.Equal(old, image) {
			continue
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return err
		}
		z.Write(image) // a buffer takes all
		z.Close()
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, known := images[strings.TrimSuffix(e.Name(), ".gz")]; !known && e.Name() != manifestFile {
			if err := os.Remove(filepath.Join(bin, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(bin, manifestFile), manifest, 0o644)
}
