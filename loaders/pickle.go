package loaders

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// A view is a tensor as the pickle describes it.
type view struct {
	typ     *elementType
	storage *storage
	begin   int64 // bytes of the storage before what layout counts from
	layout  layout
	swap    bool // whether its bytes are big-endian

	parameter bool   // whether torch.nn.Parameter returned it
	what      string // for a tensor that cannot be read: what it is
	err       error  // for a damaged one: what is wrong; reported with its key
}

// A brokenStorage stands for a storage that the file does not have as the
// pickle says; the tensors that view it report why.
type brokenStorage struct{ err error }

// A typedStorage is a storage, or a part of one, and the type of its elements.
type typedStorage struct {
	typ           *elementType
	storage       *storage
	begin, length int64 // bytes
}

// whole returns all of a storage.
func whole(typ *elementType, s *storage) *typedStorage { return &typedStorage{typ, s, 0, s.size} }

// An object is what a pickle made of a function or class that is not a tensor:
// a set, a torch.Size, a NumPy scalar and, with [WithInert], anything else.
// What was called, and with what, is all that is known of it.
type object struct {
	class *function
	args  []any
	state any
	items []any             // appended or added
	dict  []types.DictEntry // set by key
}

// Call returns what calling the object returned.
func (o *object) Call(args ...any) (any, error) { return &object{class: o.class, args: args}, nil }

// PySetState keeps the state.
func (o *object) PySetState(state any) error {
	o.state = state
	return nil
}

// Append keeps an item of what is a list to Python.
func (o *object) Append(v any) { o.items = append(o.items, v) }

// Add keeps an item of what is a set to Python.
func (o *object) Add(v any) { o.items = append(o.items, v) }

// Set keeps an item of what is a dict to Python.
func (o *object) Set(k, v any) { o.dict = append(o.dict, types.DictEntry{Key: k, Value: v}) }

// A bound is a function that gopickle's machine can call.
type bound struct {
	*function
	file *file
}

// Call calls the function.
func (b *bound) Call(args ...any) (any, error) {
	if b.call == nil {
		return &object{class: b.function, args: args}, nil
	}
	return b.call(b.file, args)
}

// PyNew makes an instance of a class, the last of args being what has names.
func (b *bound) PyNew(args ...any) (any, error) { return b.Call(args...) }

// A loadFunc returns what a persistent id names.
type loadFunc func(id any) (any, error)

func noPersistentID(any) (any, error) {
	return nil, errors.New("a persistent id where no storage can be")
}

// unpickle scans the pickle at the start of b and then runs it through
// gopickle's machine, which sees nothing that the scanner has not allowed.
func (f *file) unpickle(b []byte, member string, load loadFunc) (any, error) {
	s := scanner{file: f, member: member, data: b}
	n, err := s.scan()
	if err != nil {
		return nil, err
	}
	return s.run(n, load)
}

// unpickleAt does the same with the pickle at byte off of the file, which ends
// before byte end. It returns the byte after it, too.
func (f *file) unpickleAt(off, end int64, member string, load loadFunc) (any, int64, error) {
	most := min(end-off, f.limits.PickleBytes, math.MaxInt32)
	window := most
	if _, ok := f.src.(reading); ok {
		window = min(most, 4<<10) // where the pickle ends is not known
	}
	for {
		b, err := f.src.view(off, window)
		if err != nil {
			return nil, 0, f.wrap(off, member, "cannot be read", err)
		}
		s := scanner{file: f, member: member, base: off, data: b}
		n, err := s.scan()
		switch {
		case err == nil:
			v, err := s.run(n, load)
			return v, off + int64(n), err
		case !s.short || window == end-off:
			return nil, 0, err
		case window == most:
			return nil, 0, &LimitError{f.name, "PickleBytes", f.limits.PickleBytes, fmt.Sprintf("the pickle at byte %d", off)}
		}
		window = min(most, 16*window)
	}
}

// run unpickles the n bytes that were scanned.
func (s *scanner) run(n int, load loadFunc) (any, error) {
	f := s.file
	f.addGlobals(s.globals)
	f.pickled += int64(n)
	b := s.data[:n]
	if len(s.patches) > 0 {
		b = bytes.Clone(b)
		for _, p := range s.patches {
			b[p.at] = p.to
		}
	}
	r := bytes.NewReader(b)
	u := pickle.NewUnpickler(r)
	u.PersistentLoad = load
	found := map[[2]string]any{}
	u.FindClass = func(module, name string) (any, error) {
		at := [2]string{module, name}
		if g := found[at]; g != nil {
			return g, nil
		}
		module = unpatched(module, name)
		g := f.lookup(module, name)
		if g == nil {
			return nil, &GlobalError{Name: f.name, Member: s.member, Module: module, Global: name}
		}
		if call, ok := g.(*function); ok {
			g = &bound{call, f}
		}
		found[at] = g
		return g, nil
	}
	v, err := u.Load()
	if err != nil {
		if l := (*LimitError)(nil); errors.As(err, &l) {
			return nil, err
		}
		return nil, f.wrap(s.base+int64(n-r.Len()), s.member, "damaged pickle, before this byte", err)
	}
	return v, nil
}

// spend counts bytes that a call makes of values that may be shared: the
// scanner counts the call, not what it is given. Calls together may make a
// few times the bytes of the pickle.
func (f *file) spend(n int) error {
	f.built += int64(n)
	if f.built > 16<<20+8*f.pickled {
		return errors.New("calls that make far more than the pickle holds")
	}
	return nil
}

// addGlobals adds those globals that are not yet listed.
func (f *file) addGlobals(globals []Global) {
	for _, g := range globals {
		if !f.listed[g] {
			if f.listed == nil {
				f.listed = map[Global]bool{}
			}
			f.listed[g] = true
			f.globals = append(f.globals, g)
		}
	}
}
