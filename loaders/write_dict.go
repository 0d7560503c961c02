package loaders

import (
	"maps"
	"unsafe"

	"github.com/argand-go/argand/tensor"
)

// A StateDict holds named tensors in memory, in the order in which they were
// set, to be written to a file. The zero StateDict is empty and ready for use.
type StateDict struct {
	keys     []string
	tensors  map[string]*tensor.Tensor
	versions map[string]int
	metadata map[string]string
}

// Set gives the tensor t the name key. A name that is set again keeps its
// place. Tensors that share memory share it in a torch file, too. t must not
// be nil, and must not change until it was written.
func (d *StateDict) Set(key string, t *tensor.Tensor) {
	if d.tensors == nil {
		d.tensors = map[string]*tensor.Tensor{}
	}
	if _, ok := d.tensors[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.tensors[key] = t
}

// SetVersion gives a version to the module at the dotted path module, "" for
// the network itself. PyTorch's modules look at it to rename keys of old
// files; BatchNorm2d has 2, most others 1. Without versions, PyTorch takes the
// file for one of its oldest. A version is written if the module, or a module
// in it, has a tensor.
func (d *StateDict) SetVersion(module string, version int) {
	if d.versions == nil {
		d.versions = map[string]int{}
	}
	d.versions[module] = version
}

// SetMetadata adds a text to the __metadata__ of a safetensors file.
func (d *StateDict) SetMetadata(name, value string) {
	if d.metadata == nil {
		d.metadata = map[string]string{}
	}
	d.metadata[name] = value
}

// Keys returns the names in the order in which they were set. The caller must
// not change the slice.
func (d *StateDict) Keys() []string { return d.keys }

// Info describes the tensor named key, and reports whether there is one. Its
// Offset is -1.
func (d *StateDict) Info(key string) (Info, bool) {
	t := d.tensors[key]
	if t == nil {
		return Info{}, false
	}
	return Info{Key: key, DType: t.DType(), Type: t.DType().String(), Shape: t.Shape(),
		Bytes: int64(len(t.Bytes())), Offset: -1}, true
}

// Tensor returns the tensor named key, or a [*KeyError] if there is none.
func (d *StateDict) Tensor(key string) (*tensor.Tensor, error) {
	t := d.tensors[key]
	if t == nil {
		return nil, &KeyError{Name: "state_dict in memory", Key: key}
	}
	return t, nil
}

// Version returns the version of the module at the dotted path module, and
// whether there is one.
func (d *StateDict) Version(module string) (int, bool) {
	v, ok := d.versions[module]
	return v, ok
}

// Metadata returns a copy of what [StateDict.SetMetadata] added.
func (d *StateDict) Metadata() map[string]string { return maps.Clone(d.metadata) }

// addresses identifies the memory of the process.
type addresses struct{}

// address returns the address of the first of some bytes. It is used for
// comparison only, while the tensor is reachable: heap memory does not move.
func address(b []byte) int64 { return int64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
