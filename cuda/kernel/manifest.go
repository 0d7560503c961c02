package kernel

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed bin
var bin embed.FS

// Manifest is what is known of the compiled kernels. kernelgen writes it.
type Manifest struct {
	Compiler string   // "NVRTC 12.9"
	Options  []string // of all units
	Units    []Unit
}

// Unit is a source and what was compiled of it.
type Unit struct {
	Source     string
	SHA256     string           // its Digest
	Parameters map[string][]int // by kernel, sizes in bytes
	Images     []Image
}

// Image is a source compiled for a target.
type Image struct {
	Target    string // "sm_90a", or "compute_75" for PTX
	File      string // in bin
	SHA256    string // before compression
	Registers map[string]Registers
}

// Registers say what a kernel needs of a multiprocessor.
type Registers struct {
	Used         int // of a thread
	SpilledBytes int // kept in memory for lack of registers
}

// ReadManifest returns the manifest.
func ReadManifest() (*Manifest, error) {
	data, err := bin.ReadFile("bin/MANIFEST.json")
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	return m, json.Unmarshal(data, m)
}

// Digest returns the SHA-256, in hexadecimal digits, of a source and the headers
// that a GPU's compiler includes with it.
func Digest(files fs.FS, source string) (string, error) {
	text, err := fs.ReadFile(files, source)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	seen := []string{source}
	for next := [][]byte{text}; len(next) > 0; next = next[1:] {
		sum.Write(next[0])
		for _, m := range include.FindAllSubmatch(next[0], -1) {
			name := string(m[1])
			if slices.Contains(seen, name) || strings.HasPrefix(name, "emulator") {
				continue
			}
			if text, err = fs.ReadFile(files, name); err != nil {
				return "", err
			}
			seen, next = append(seen, name), append(next, text)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

var include = regexp.MustCompile(`(?m)^#include "(.*)"`)

// Image returns the image for a device of a compute capability, such as {9, 0}:
// one for exactly that, else for an older one of the same major, else PTX, which
// the driver compiles. It returns false if there is none, for a device too old.
func (u *Unit) Image(capability [2]int) (Image, bool) {
	fitting := u.Fitting(capability)
	if len(fitting) == 0 {
		return Image{}, false
	}
	return fitting[0], true
}

// Fitting returns all images that a device of a compute capability may be given,
// the best, which [Unit.Image] returns, first. A driver may refuse one: it is older
// than the compiler, or the device is one of those that run nothing that was
// compiled for another.
func (u *Unit) Fitting(capability [2]int) []Image {
	var list []Image
	for _, image := range u.Images {
		if rankOf(image.Target, capability) >= 0 {
			list = append(list, image)
		}
	}
	slices.SortStableFunc(list, func(a, b Image) int {
		return rankOf(b.Target, capability) - rankOf(a.Target, capability)
	})
	return list
}

// rankOf returns how well an image for target fits a device, −1 for not at all.
func rankOf(target string, capability [2]int) int {
	kind, number, _ := strings.Cut(target, "_")
	number, exact := strings.CutSuffix(number, "a") // of this very capability only
	n, err := strconv.Atoi(number)
	major, minor, device := n/10, n%10, capability[0]*10+capability[1]
	switch {
	case err != nil || n > device || exact && n != device:
		return -1
	case kind == "compute":
		return n // any newer device, but worse than whatever is compiled
	case major != capability[0]:
		return -1
	}
	return 10_000 + minor
}

// Open returns the image's bytes: a cubin, or the text of PTX.
func (i Image) Open() ([]byte, error) {
	data, err := bin.ReadFile("bin/" + i.File)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.File, err)
	}
	data, err = io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.File, err)
	}
	return data, nil
}
