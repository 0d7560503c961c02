package loaders

import (
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/argand-go/argand/tensor"
)

// A Checkpoint is an open file of named tensors, or a part of one ([Sub],
// [StripPrefix]). Opening reads names, shapes and places; bytes are touched by
// [Checkpoint.Tensor] and later. It may be used by many goroutines. There is
// nothing to close: the file stays mapped for as long as the checkpoint or a
// tensor of it is reachable.
//
// [Sub]: Checkpoint.Sub
// [StripPrefix]: Checkpoint.StripPrefix
type Checkpoint struct {
	file     *file
	keys     []string
	entries  map[string]*entry
	prefixes []string // what may stand before a name of c in the file, most likely first
}

// A file is what all views of a checkpoint share.
type file struct {
	name     string
	format   string
	src      source
	limits   Limits
	entries  []*entry
	ignored  []string
	versions map[string]int // by dotted module path
	values   map[string]any // those of ignored, as the pickle has them
	metadata map[string]string
	globals  []Global
	listed   map[Global]bool // those of globals
	inert    bool            // see WithInert
	swapped  bool            // whether numbers are big-endian
	pickled  int64           // bytes of all pickles that were run
	built    int64           // bytes that calls in them made, see spend

	mu        sync.Mutex
	inflated  int64 // bytes granted so far, see Limits
	gathered  int64
	parts     int                  // of converted
	converted map[string]converted // those of values that were asked for
}

// An entry is a tensor of the file.
type entry struct {
	file    *file
	key     string // in the file, dotted
	dtype   tensor.DType
	typ     string // PyTorch's name of the type, or what kind of tensor it is
	shape   tensor.Shape
	stride  []int // in elements; nil for those of C order
	strided bool  // whether the elements are not contiguous in C order
	swap    int   // bytes of the parts whose byte order is to be reversed, 0 for none
	storage *storage
	offset  int64 // bytes in the storage
	number  int   // of the storage, see Info
	copied  bool  // whether gathering it was granted; guarded by file.mu
}

// bytes returns the bytes of the tensor in C order.
func (e *entry) bytes() int64 { return int64(e.shape.Len()) * int64(e.dtype.Size()) }

// Info describes a tensor of a checkpoint without touching its bytes.
type Info struct {
	Key    string
	DType  tensor.DType // Invalid if no tensor can hold it; Type says what it is
	Type   string       // PyTorch's name of the type, "float32", also for types without a DType
	Shape  tensor.Shape // the caller must not change it
	Bytes  int64        // of the elements in C order; 0 if DType is Invalid
	Offset int64        // of the first element in the file; -1 if compressed, in a pickle, or if DType is Invalid

	Strides      []int  // in elements, one for each axis, as in the file; the caller must not change them
	Storage      int    // number of the storage, from 0 in the order of first use; -1 for a tensor without values
	StorageBytes int64  // length of the storage: tensors of one number share its bytes
	Shard        string // file with the elements if the checkpoint is an index of several, otherwise empty
}

func newCheckpoint(f *file) *Checkpoint {
	c := &Checkpoint{file: f, entries: make(map[string]*entry, len(f.entries)), prefixes: []string{""}}
	numbers := map[*storage]int{}
	for _, e := range f.entries {
		c.keys = append(c.keys, e.key)
		c.entries[e.key] = e
		if n, ok := numbers[e.storage]; ok {
			e.number = n
		} else if e.storage == nil {
			e.number = -1
		} else {
			e.number = len(numbers)
			numbers[e.storage] = e.number
		}
	}
	return c
}

// Name returns the path or name that the checkpoint was opened with.
func (c *Checkpoint) Name() string { return c.file.name }

// Format returns "torch zip", "torch legacy" (PyTorch 0.1.10 to 1.5), "torch
// tar" (before), "safetensors" or, for an index, "torch zip shards" and so on.
func (c *Checkpoint) Format() string { return c.file.format }

// Keys returns the names of the tensors in the order of the file. Names in
// nested dicts are joined by dots: {"model": {"fc.weight": …}} has the key
// "model.fc.weight"; items of lists are named by their number. A file that
// holds one bare tensor has the key "". The caller must not change the slice.
func (c *Checkpoint) Keys() []string { return c.keys }

// Ignored returns the dotted names of the values in the whole file that are
// not tensors, such as "epoch", in the order of the file; see
// [Checkpoint.Value]. The caller must not change the slice.
func (c *Checkpoint) Ignored() []string { return c.file.ignored }

// Metadata returns a copy of the __metadata__ of a safetensors file, empty for
// other formats.
func (c *Checkpoint) Metadata() map[string]string {
	m := maps.Clone(c.file.metadata)
	if m == nil {
		m = map[string]string{}
	}
	return m
}

// Info describes the tensor named key, and reports whether there is one.
func (c *Checkpoint) Info(key string) (Info, bool) {
	e, ok := c.entries[key]
	if !ok {
		return Info{}, false
	}
	i := e.info()
	i.Key = key
	if e.file != c.file {
		i.Shard = e.file.name
	}
	return i, true
}

func (e *entry) info() Info {
	i := Info{Key: e.key, DType: e.dtype, Type: e.typ, Shape: e.shape, Bytes: e.bytes(), Offset: -1,
		Strides: e.stride, Storage: e.number}
	if i.Strides == nil && e.storage != nil {
		i.Strides = contiguousStrides(e.shape)
	}
	if e.storage != nil {
		i.StorageBytes = e.storage.size
	}
	if e.dtype.Valid() && e.storage.member == nil && e.storage.offset >= 0 {
		i.Offset = e.storage.offset + e.offset
	}
	return i
}

// Globals returns the Python functions and classes that the file names, each
// once, in the order of the file: what Python would import to load it. The
// caller must not change the slice.
func (c *Checkpoint) Globals() []Global { return c.file.globals }

// Tensor returns the tensor named key, row-major in C order whatever its
// strides in the file. It shares the memory of the file (or of the storage,
// with tied tensors) unless its elements are not contiguous there or r of
// [OpenReaderAt] had to be read; a caller that wants a tensor twice should
// keep it. The caller must not write to it: mapped memory is read-only. It
// returns a [*KeyError] if there is no such tensor, a [*TypeError] if no
// tensor can hold it, a [*LimitError] if copying it exceeds the limits and a
// [*FormatError] if its bytes are damaged.
func (c *Checkpoint) Tensor(key string) (t *tensor.Tensor, err error) {
	e, ok := c.entries[key]
	if !ok {
		return nil, &KeyError{Name: c.file.name, Key: key, Hint: c.hint(key)}
	}
	if !e.dtype.Valid() {
		return nil, &TypeError{Name: e.file.name, Key: key, Type: e.typ}
	}
	defer e.file.guard(&err)()
	return e.file.tensor(e)
}

// hint finds a key that ends in the one asked for.
func (c *Checkpoint) hint(key string) string {
	for _, k := range c.keys {
		if prefix, ok := strings.CutSuffix(k, "."+key); ok && key != "" {
			use := fmt.Sprintf("Sub(%q)", clip(prefix))
			if prefix == "module" {
				use = `StripPrefix("module.")`
			}
			return fmt.Sprintf("it has %q: see %s", clip(k), use)
		}
	}
	return ""
}

// Version returns the version that the state_dict's _metadata gives to the
// module at prefix ("" is the network itself, "backbone.fpn" a part of it),
// and whether there is one. Modules raise it when their keys change; files
// without _metadata, and safetensors, have none.
func (c *Checkpoint) Version(prefix string) (int, bool) {
	for _, p := range c.prefixes {
		if v, ok := c.file.versions[strings.TrimSuffix(p+prefix, ".")]; ok {
			return v, true
		}
	}
	return 0, false
}

// Sub returns the part of c whose keys begin with prefix and a dot, without
// them: of {"model": {…}, "epoch": 3}, Sub("model") is the state_dict. It is
// empty if no key does. Sub("") is c.
func (c *Checkpoint) Sub(prefix string) *Checkpoint {
	prefix = strings.TrimSuffix(prefix, ".")
	if prefix == "" {
		return c
	}
	s := &Checkpoint{file: c.file, entries: map[string]*entry{}}
	for _, p := range c.prefixes {
		s.prefixes = append(s.prefixes, p+prefix+".")
	}
	for _, k := range c.keys {
		if name, ok := strings.CutPrefix(k, prefix+"."); ok {
			s.keys = append(s.keys, name)
			s.entries[name] = c.entries[k]
		}
	}
	return s
}

// StripPrefix returns c with prefix removed from the keys that begin with it,
// as torch's consume_prefix_in_state_dict_if_present does; other keys stay.
// StripPrefix("module.") is what files saved from DataParallel need. A key
// whose short name is taken by another key keeps its long one.
func (c *Checkpoint) StripPrefix(prefix string) *Checkpoint {
	if prefix == "" {
		return c
	}
	s := &Checkpoint{file: c.file, entries: make(map[string]*entry, len(c.keys))}
	for _, p := range c.prefixes {
		s.prefixes = append(s.prefixes, p+prefix)
	}
	s.prefixes = append(s.prefixes, c.prefixes...)
	for _, k := range c.keys {
		name := strings.TrimPrefix(k, prefix)
		if _, taken := c.entries[name]; taken {
			name = k
		}
		s.keys = append(s.keys, name)
		s.entries[name] = c.entries[k]
	}
	return s
}
