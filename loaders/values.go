package loaders

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// An Opaque is an object of a Python class, or what a Python function
// returned, that stayed closed: nothing of it was run. See [WithInert] and
// [Checkpoint.Value].
type Opaque struct {
	Module string // of the class or function, "torch.nn.modules.linear"
	Name   string // "Linear"
	Args   []any  // what it was called with
	State  any    // what __setstate__ or __dict__ would get, nil if nothing
	Items  []any  // of a list or set; the [Item] values of a dict
}

// String returns the full name, "torch.nn.modules.linear.Linear(…)".
func (o *Opaque) String() string { return o.Module + "." + o.Name + "(…)" }

// An Item is a key and a value of a Python dict.
type Item struct{ Key, Value any }

// Value returns the value named key, one of [Checkpoint.Ignored]: nil, bool,
// int, *[big.Int], float64, complex128, string, []byte, []any for lists,
// tuples and sets, []Item for dicts, a number of Go's type for a NumPy scalar
// ([tensor.Half] for float16), [Global] for a class, function or type, [Info]
// for a tensor in one of these, or *[Opaque] for anything else. The caller must
// not change it. It returns a [*KeyError] if there is no such value, and a
// [*LimitError] if the values that were asked for have more parts, together,
// than the limits allow.
func (c *Checkpoint) Value(key string) (v any, err error) {
	defer c.file.guard(&err)()
	for _, p := range c.prefixes {
		if _, ok := c.file.values[p+key]; ok {
			return c.file.value(p + key)
		}
	}
	return nil, &KeyError{Name: c.file.name, Key: key}
}

// A converted is what a value of a pickle became.
type converted struct {
	value any
	err   error
}

// value converts a value of f.values, once: thousands of keys may share one
// that is large.
func (f *file) value(key string) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.converted[key]; ok {
		return v.value, v.err
	}
	c := converter{file: f, key: key, parts: f.parts, most: min(f.limits.Entries, 1<<16+4*int(f.pickled))}
	v, err := c.convert(f.values[key], 0)
	f.parts = c.parts
	if f.converted == nil {
		f.converted = map[string]converted{}
	}
	f.converted[key] = converted{v, err}
	return v, err
}

// A converter makes plain values of a pickle's. Values may contain themselves,
// so depth and number are bounded.
type converter struct {
	file        *file
	key         string // of the value
	parts, most int    // made, and that may be made
}

func (c *converter) convert(v any, depth int) (any, error) {
	l := &c.file.limits
	if c.parts >= c.most {
		return nil, &LimitError{c.file.name, "Entries", int64(c.most), "parts of values"}
	}
	c.parts++
	if depth > l.Nesting {
		return nil, &LimitError{c.file.name, "Nesting", int64(l.Nesting), "a value in itself"}
	}
	depth++
	switch x := v.(type) {
	case nil, bool, int, float64, string, []byte, *big.Int:
		return x, nil
	case *types.ByteArray:
		return []byte(*x), nil
	case *types.List:
		return c.list(*x, depth)
	case *types.Tuple:
		return c.list(*x, depth)
	case *types.Set:
		return c.list(keysOf(*x), depth)
	case *types.FrozenSet:
		return c.list(keysOf(*x), depth)
	case *types.Dict:
		return c.dict(c.unique(*x), depth)
	case *types.OrderedDict:
		return c.dict(entriesOf(x), depth)
	case *object:
		return c.object(x, depth)
	case *view:
		return c.tensor(x)
	case *array:
		if x.view != nil {
			return c.tensor(x.view)
		}
		return &Opaque{Module: "numpy", Name: "ndarray"}, nil
	case *bound:
		return Global{x.module, x.global, lookup(x.module, x.global) != nil}, nil
	case *types.OrderedDictClass:
		return Global{"collections", "OrderedDict", true}, nil
	case *elementType:
		return Global{"torch", x.name, true}, nil
	case *storageClass:
		return x.class, nil
	case *marker:
		return x.Global, nil
	case *numpyType:
		if x.typ != nil {
			return Global{"numpy", x.typ.name, true}, nil
		}
		return &Opaque{Module: "numpy", Name: "dtype"}, nil
	}
	return &Opaque{Module: "torch", Name: "storage"}, nil
}

func (c *converter) tensor(v *view) (any, error) {
	if v.err != nil {
		return nil, c.file.damaged("", c.key, v.err)
	}
	return newEntry(c.file, "", v).info(), nil
}

func (c *converter) list(items []any, depth int) ([]any, error) {
	out := make([]any, 0, min(len(items), 16)) // it may fail soon
	for _, x := range items {
		v, err := c.convert(x, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// unique does what the function of that name does, and counts what that leaves
// out: it was looked at.
func (c *converter) unique(d types.Dict) []types.DictEntry {
	entries := unique(d)
	c.parts += len(d) - len(entries)
	return entries
}

func (c *converter) dict(entries []types.DictEntry, depth int) ([]Item, error) {
	var out []Item
	for _, e := range entries {
		k, err := c.convert(e.Key, depth)
		if err != nil {
			return nil, err
		}
		v, err := c.convert(e.Value, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, Item{k, v})
	}
	return out, nil
}

// object returns the value of a class that Go has a type for, an [Opaque] of
// any other.
func (c *converter) object(o *object, depth int) (any, error) {
	switch {
	case strings.HasSuffix(o.class.name, ".multiarray.scalar"):
		if v := numpyScalar(o.args); v != nil {
			return v, nil
		}
	case len(o.args) == 0:
	case o.class.name == "torch.Size", o.class.name == "builtins.set":
		return c.convert(o.args[0], depth)
	case o.class.name == "collections.Counter" && len(o.dict) == 0:
		return c.convert(o.args[0], depth)
	case o.class.name == "builtins.bytearray":
		if b, ok := o.args[0].([]byte); ok {
			return b, nil
		}
	case o.class.name == "builtins.complex" && len(o.args) == 2:
		re, ok1 := o.args[0].(float64)
		im, ok2 := o.args[1].(float64)
		if ok1 && ok2 {
			return complex(re, im), nil
		}
	case o.class.name == "torch.device":
		name, ok := o.args[0].(string)
		if ok = ok && len(name) < 64; ok && len(o.args) == 1 { // a long one is not copied again and again
			return name, nil
		}
		if ok && len(o.args) == 2 {
			if n, ok := o.args[1].(int); ok { // anything else may contain itself, and is not printed
				return fmt.Sprintf("%s:%d", name, n), nil
			}
		}
	}
	out := &Opaque{Module: o.class.module, Name: o.class.global}
	var err error
	if out.Args, err = c.list(o.args, depth); err != nil {
		return nil, err
	}
	if out.State, err = c.convert(o.state, depth); err != nil {
		return nil, err
	}
	if out.Items, err = c.list(o.items, depth); err != nil {
		return nil, err
	}
	items, err := c.dict(c.unique(o.dict), depth)
	for _, x := range items {
		out.Items = append(out.Items, x)
	}
	return out, err
}

func keysOf[M ~map[any]V, V any](m M) []any {
	out := make([]any, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// entriesOf returns the entries of d in their order.
func entriesOf(d *types.OrderedDict) []types.DictEntry {
	out := make([]types.DictEntry, 0, d.List.Len())
	for e := d.List.Front(); e != nil; e = e.Next() {
		entry := e.Value.(*types.OrderedDictEntry)
		out = append(out, types.DictEntry{Key: entry.Key, Value: entry.Value})
	}
	return out
}
