package nn

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sort"
	"strings"

	"github.com/argand-go/argand/tensor"
)

// Source is a checkpoint: tensors under the names of PyTorch's state_dict.
// Package loaders has several. One that also has a method
//
//	Version(module string) (int, bool)
//
// says which version the _metadata of the state_dict gives to a module, as
// loaders.Checkpoint does; see [Weights.Version].
type Source interface {
	Keys() []string
	Tensor(key string) (*tensor.Tensor, error)
}

// Weights is a view of a checkpoint under a prefix, from which layers read
// their tensors: w.At("layer1.0").At("conv1") is the view of
// layer1.0.conv1.weight and whatever else that layer has.
//
// Constructors that read from it return no error. What is missing, of another
// shape or left over is collected, for [Weights.Err] to report all at once, in
// PyTorch's words; and a network built from weights that did not fit, or from
// zero Weights, which have no checkpoint, does not compile.
type Weights struct {
	c      *checkpoint
	prefix string // "" or with a final dot
}

// checkpoint is what all views of one checkpoint share.
type checkpoint struct {
	src      Source
	keys     map[string]bool   // true once read or ignored
	order    []string          // of keys, and of such as were renamed
	sorted   []string          // of keys: a file may have a million under a prefix; nil while out of date
	renamed  map[string]string // names in src of keys that have another there
	modules  modules           // that were asked for tensors
	reported map[string]bool   // keys that one of the following is about
	missing  []string
	mismatch []SizeMismatch
	failed   []error // tensors that could not be read, and layers that there are none of
}

var errNoCheckpoint = errors.New("nn: a layer without a checkpoint; Weights come from NewWeights, layers from New…")

// NewWeights returns a view of all of src.
func NewWeights(src Source) Weights {
	if src == nil {
		return Weights{}
	}
	c := &checkpoint{src: src, keys: make(map[string]bool), order: slices.Clone(src.Keys()),
		renamed: make(map[string]string), reported: make(map[string]bool)}
	for _, k := range c.order {
		c.keys[k] = false
	}
	return Weights{c, ""}
}

// At returns the view under name.
func (w Weights) At(name string) Weights {
	if name != "" {
		w.prefix += name + "."
	}
	return w
}

// Version returns the version that the _metadata of the state_dict gives to the
// module at w, and whether there is one. PyTorch's modules have a version from
// 1 up, raised when they came to need other tensors; checkpoints of other
// makers, safetensors and dicts that were made anew have none.
func (w Weights) Version() (int, bool) {
	if w.c == nil {
		return 0, false
	}
	src, ok := w.c.src.(interface{ Version(string) (int, bool) })
	if !ok {
		return 0, false
	}
	return src.Version(w.Path())
}

// Rename gives a tensor of an old checkpoint the name that it has since the
// module at w is of a version: unless the checkpoint says that it is of that
// version or a later one, the tensor old, if there is one, becomes new, in place
// of any tensor new. That is how PyTorch's modules read old files.
func (w Weights) Rename(version int, old, new string) {
	if !w.Has(old) {
		return
	}
	if v, ok := w.Version(); ok && v >= version {
		return
	}
	c := w.c
	old, new = w.prefix+old, w.prefix+new
	if _, ok := c.keys[new]; !ok {
		c.order = append(c.order, new)
	}
	delete(c.keys, old)
	c.keys[new] = false
	c.renamed[new] = old
	c.sorted = nil
}

// Path returns the prefix without its final dot.
func (w Weights) Path() string { return strings.TrimSuffix(w.prefix, ".") }

// Exists reports whether the checkpoint has any tensor under w.
func (w Weights) Exists() bool {
	return w.c != nil && len(w.c.under(w.prefix)) > 0
}

// Has reports whether the checkpoint has the named tensor.
func (w Weights) Has(name string) bool {
	if w.c == nil {
		return false
	}
	_, ok := w.c.keys[w.prefix+name]
	return ok
}

// Shape returns the shape of the named tensor, for networks whose width or
// number of classes the checkpoint decides. It is nil if there is none.
func (w Weights) Shape(name string) tensor.Shape {
	if !w.Has(name) {
		return nil
	}
	key := w.prefix + name
	t, err := w.c.read(key)
	if err != nil {
		w.c.failTensor(key, err)
		return nil
	}
	return t.Shape()
}

// Tensor returns the named tensor. If it is missing or not of that shape, that
// is recorded for [Weights.Err], and an empty tensor is returned.
func (w Weights) Tensor(name string, shape ...int) *tensor.Tensor {
	key := w.prefix + name
	if w.c == nil {
		return empty()
	}
	w.c.modules.add(w.prefix)
	if _, ok := w.c.keys[key]; !ok {
		if w.c.report(key) {
			w.c.missing = append(w.c.missing, key)
		}
		return empty()
	}
	w.c.keys[key] = true
	t, err := w.c.read(key)
	switch {
	case err != nil:
		w.c.failTensor(key, err)
		return empty()
	case !t.Shape().Equal(shape):
		if w.c.report(key) {
			w.c.mismatch = append(w.c.mismatch, SizeMismatch{key, t.Shape().Clone(), tensor.Shape(shape).Clone()})
		}
		return empty()
	}
	return t
}

// Vector returns the named tensor of n numbers in float64. Like
// [Weights.Tensor] it records what does not fit, and then returns nil: an n
// that the shape of another tensor made up costs no memory.
func (w Weights) Vector(name string, n int) []float64 {
	t := w.Tensor(name, n)
	if t.Len() != n {
		return nil
	}
	f, err := t.Float32s()
	if err != nil {
		key := w.prefix + name
		w.c.failTensor(key, fmt.Errorf("%s: %w", key, err))
		return nil
	}
	v := make([]float64, n)
	for i, x := range f {
		v[i] = float64(x)
	}
	runtime.KeepAlive(t) // f may be memory of a file that is mapped for as long as t is reachable
	return v
}

// Ignore marks tensors as known and not needed: those of a given name, and
// those under it. They are then not unexpected.
func (w Weights) Ignore(names ...string) {
	if w.c == nil {
		return
	}
	for _, n := range names {
		key := w.prefix + n
		if _, ok := w.c.keys[key]; ok {
			w.c.keys[key] = true
		}
		for _, k := range w.c.under(key + ".") {
			w.c.keys[k] = true
		}
	}
}

// Err returns a [*StateDictError] for the network of the given name unless
// every tensor asked for was there, of the right shape, and every tensor that
// is there was asked for: PyTorch's load_state_dict with strict=True. It lists
// tensors module by module, as PyTorch does.
func (w Weights) Err(network string) error {
	if w.c == nil {
		return errNoCheckpoint
	}
	e := &StateDictError{Network: network, Missing: slices.Clone(w.c.missing), Mismatch: slices.Clone(w.c.mismatch),
		Failed: w.c.failed}
	for _, k := range w.c.order {
		if read, ok := w.c.keys[k]; ok && !read {
			e.Unexpected = append(e.Unexpected, k)
		}
	}
	if len(e.Missing)+len(e.Mismatch)+len(e.Failed)+len(e.Unexpected) == 0 {
		return nil
	}
	w.c.modules.sort(e)
	return e
}

// broken reports whether a layer was built from weights that did not fit.
func (w Weights) broken() bool {
	return w.c == nil || len(w.c.missing)+len(w.c.mismatch)+len(w.c.failed) > 0
}

// under returns the keys that begin with prefix, sorted.
func (c *checkpoint) under(prefix string) []string {
	if c.sorted == nil {
		c.sorted = slices.Sorted(maps.Keys(c.keys))
	}
	first, _ := slices.BinarySearch(c.sorted, prefix)
	rest := c.sorted[first:]
	n := sort.Search(len(rest), func(i int) bool { return !strings.HasPrefix(rest[i], prefix) })
	return rest[:n]
}

// report notes that something is wrong with a tensor; it returns false if that
// is known already.
func (c *checkpoint) report(key string) bool {
	known := c.reported[key]
	c.reported[key] = true
	return !known
}

// failTensor records why a tensor cannot be read, once.
func (c *checkpoint) failTensor(key string, err error) {
	if c.report(key) {
		c.fail(err)
	}
}

// read returns a tensor that the checkpoint says it has.
func (c *checkpoint) read(key string) (*tensor.Tensor, error) {
	if old, ok := c.renamed[key]; ok {
		key = old
	}
	t, err := c.src.Tensor(key)
	if err == nil && t == nil {
		err = fmt.Errorf("nn: the checkpoint has no tensor for its key %q", key)
	}
	return t, err
}

// fail records an error; without a checkpoint there is one already.
func (c *checkpoint) fail(err error) {
	if c != nil {
		c.failed = append(c.failed, err)
	}
}

func empty() *tensor.Tensor {
	t, _ := tensor.New(tensor.Float32, 0) // cannot fail
	return t
}
