package loaders

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// A flattener turns the object of a pickle, dicts and lists in dicts and
// lists, into tensors with dotted keys.
type flattener struct {
	file     *file
	member   string
	seen     map[string]bool // keys of tensors
	values   int             // visited
	keyBytes int64           // of all dotted keys together
}

// flatten fills f's entries, ignored and versions from the object v.
func (f *file) flatten(v any, member string) error {
	w := flattener{file: f, member: member, seen: map[string]bool{}}
	f.versions, f.values = map[string]int{}, map[string]any{}
	return w.walk(v, "", 0)
}

// walk visits v, whose dotted key is key. Dicts and lists may contain
// themselves, and may be shared so often that they would take for ever:
// depth, number and length of the keys are bounded.
func (w *flattener) walk(v any, key string, depth int) error {
	l := &w.file.limits
	if depth > l.Nesting {
		return &LimitError{w.file.name, "Nesting", int64(l.Nesting), "dicts and lists in each other"}
	}
	if err := w.count(1, key); err != nil {
		return err
	}
	switch x := v.(type) {
	case *view:
		return w.tensor(x, key)
	case *brokenStorage:
		return w.damaged(key, x.err)
	case *types.OrderedDict:
		if err := w.versions(x.PyDict["_metadata"], key); err != nil {
			return err
		}
		for e := x.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := w.item(entry.Key, entry.Value, key, depth); err != nil {
				return err
			}
		}
	case *types.Dict:
		return w.dict(*x, key, depth)
	case *types.List:
		return w.list(*x, key, depth)
	case *types.Tuple:
		return w.list(*x, key, depth)
	case *object:
		return w.object(x, key, depth)
	case *array:
		if x.view != nil {
			return w.tensor(x.view, key)
		}
		w.ignore(key, v)
	default:
		w.ignore(key, v)
	}
	return nil
}

// ignore lists a value that is not a tensor.
func (w *flattener) ignore(key string, v any) {
	w.file.ignored = append(w.file.ignored, key)
	if _, twice := w.file.values[key]; !twice {
		w.file.values[key] = v
	}
}

// object visits an object: a module as its state_dict, and what is derived
// from dict as a dict.
func (w *flattener) object(o *object, key string, depth int) error {
	p, looked, ok := o.module()
	if err := w.count(looked, ""); err != nil {
		return err
	}
	if ok {
		return w.module(p, key, depth)
	}
	if len(o.dict) > 0 && o.class.name != "collections.Counter" {
		return w.dict(o.dict, key, depth)
	}
	w.ignore(key, o)
	return nil
}

func (w *flattener) dict(d types.Dict, key string, depth int) error {
	entries, err := w.entries(&d)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.item(e.Key, e.Value, key, depth); err != nil {
			return err
		}
	}
	return nil
}

// entries returns what dictOf does, and counts what that leaves out: it was
// looked at, and a dict may be shared very often.
func (w *flattener) entries(v any) ([]types.DictEntry, error) {
	entries := dictOf(v)
	return entries, w.count(lengthOf(v)-len(entries), "")
}

// count adds n values and a key to what was visited. Values that are shared
// are visited again, but not far more often than the pickle is long.
func (w *flattener) count(n int, key string) error {
	l, long := &w.file.limits, w.file.pickled
	if most := min(int64(l.Entries), 1<<16+4*long); int64(w.values+n) > most {
		return &LimitError{w.file.name, "Entries", most, "tensors and other values"}
	}
	w.values += n
	if most := min(l.PickleBytes, 1<<20+16*long); w.keyBytes+int64(len(key)) > most {
		return &LimitError{w.file.name, "PickleBytes", most, "bytes of dotted keys"}
	}
	w.keyBytes += int64(len(key))
	return nil
}

func (w *flattener) list(items []any, key string, depth int) error {
	for i, v := range items {
		if err := w.walk(v, join(key, strconv.Itoa(i), depth), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// item visits a value of a dict. A key that is neither a string nor a number
// cannot be dotted; what lies under it is not visited.
func (w *flattener) item(k, v any, key string, depth int) error {
	switch k := k.(type) {
	case string:
		return w.walk(v, join(key, k, depth), depth+1)
	case int:
		return w.walk(v, join(key, strconv.Itoa(k), depth), depth+1)
	}
	key = join(key, "?", depth)
	w.ignore(key, v)
	return w.count(1, key)
}

func join(key, name string, depth int) string {
	if depth == 0 {
		return name
	}
	return key + "." + name
}

// unique returns the entries of d as Python has them: of entries with one key
// the last value, in the place of the first. gopickle keeps them all. Numbers
// that occur twice are found as keys of tensors.
func unique(d types.Dict) []types.DictEntry {
	few := min(len(d), 256) // it may have one key very often
	place := make(map[string]int, few)
	out := make([]types.DictEntry, 0, few)
	for _, e := range d {
		if k, ok := e.Key.(string); ok {
			if i, twice := place[k]; twice {
				out[i].Value = e.Value
				continue
			}
			place[k] = len(out)
		}
		out = append(out, e)
	}
	return out
}

func (w *flattener) tensor(v *view, key string) error {
	if v.err != nil {
		return w.damaged(key, v.err)
	}
	if w.seen[key] {
		return w.damaged(key, errors.New("two tensors have this dotted key"))
	}
	w.seen[key] = true
	w.file.entries = append(w.file.entries, newEntry(w.file, key, v))
	return nil
}

// newEntry returns the entry of a view that is not damaged.
func newEntry(f *file, key string, v *view) *entry {
	e := &entry{file: f, key: key, typ: v.what}
	if v.typ == nil {
		return e
	}
	e.shape, e.stride = v.layout.shape, v.layout.stride
	if v.what == "" {
		e.typ, e.dtype = v.typ.name, v.typ.dtype
	}
	e.storage, e.offset = v.storage, v.begin
	if v.layout.shape.Len() > 0 {
		e.offset += int64(v.layout.offset) * int64(v.typ.width)
	}
	e.strided = !v.layout.contiguous()
	if part := v.typ.part(); part > 1 && (v.swap || f.swapped) {
		e.swap = part
	}
	return e
}

func (w *flattener) damaged(key string, err error) error { return w.file.damaged(w.member, key, err) }

func (f *file) damaged(member, key string, err error) error {
	if l := (*LimitError)(nil); errors.As(err, &l) {
		return &LimitError{l.Name, l.Limit, l.Max, fmt.Sprintf("tensor %q: %s", clip(key), l.Msg)}
	}
	return &FormatError{Name: f.name, Offset: -1, Member: clip(member), Key: clip(key), Msg: "damaged", Err: err}
}

// versions reads the _metadata of a state_dict, {"": {"version": 1}, …}.
func (w *flattener) versions(metadata any, key string) error {
	modules, err := w.entries(metadata)
	if err != nil {
		return err
	}
	for _, e := range modules {
		local, err := w.entries(e.Value)
		if err != nil {
			return err
		}
		name, ok := e.Key.(string)
		if !ok || local == nil {
			if err := w.count(1, ""); err != nil {
				return err
			}
			continue
		}
		if key != "" {
			name = strings.TrimSuffix(key+"."+name, ".")
		}
		if err := w.count(1+len(local), name); err != nil {
			return err
		}
		for _, x := range local {
			if v, ok := x.Value.(int); ok && x.Key == "version" {
				w.file.versions[name] = v
			}
		}
	}
	return nil
}
