package loaders

import "github.com/nlpodyssey/gopickle/types"

// A whole module, as torch.save(model) writes it, is an object whose state is
// the __dict__ of a torch.nn.Module.

// dictOf returns the entries of a dict, nil for other values.
func dictOf(v any) []types.DictEntry {
	switch d := v.(type) {
	case *types.Dict:
		return unique(*d)
	case *types.OrderedDict:
		return entriesOf(d)
	}
	return nil
}

// eachEntry calls f with the entries of a dict, of which a key may have several,
// and returns their number; 0 for other values.
func eachEntry(v any, f func(key, value any)) int {
	switch d := v.(type) {
	case *types.Dict:
		for _, e := range *d {
			f(e.Key, e.Value)
		}
	case *types.OrderedDict:
		for e := d.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			f(entry.Key, entry.Value)
		}
	}
	return lengthOf(v)
}

// lengthOf returns the number of entries of a dict, as [eachEntry] does.
func lengthOf(v any) int {
	switch d := v.(type) {
	case *types.Dict:
		return len(*d)
	case *types.OrderedDict:
		return d.List.Len()
	}
	return 0
}

// A moduleParts is what of a module belongs to its state_dict.
type moduleParts struct {
	parameters, buffers, modules []types.DictEntry
}

// module returns the parts of a torch.nn.Module, the number of values that were
// looked at to find them, and whether o is one. Its state is the __dict__, with
// slots the first of two parts of it.
func (o *object) module() (p moduleParts, looked int, ok bool) {
	state := o.state
	if t, ok := state.(*types.Tuple); ok && len(*t) == 2 {
		state = (*t)[0]
	}
	var parts [4]any
	looked = eachEntry(state, func(key, value any) {
		switch key {
		case "_parameters":
			parts[0] = value
		case "_modules":
			parts[1] = value
		case "_buffers":
			parts[2] = value
		case "_non_persistent_buffers_set":
			parts[3] = value
		}
	})
	if parts[0] == nil || parts[1] == nil {
		return p, looked, false
	}
	p.parameters, p.modules = dictOf(parts[0]), dictOf(parts[1])
	hidden := setItems(parts[3])
	looked += lengthOf(parts[0]) + lengthOf(parts[1]) + lengthOf(parts[2]) + len(hidden)
	names := make(map[string]bool, min(len(hidden), 256))
	for _, name := range hidden {
		if name, ok := name.(string); ok {
			names[name] = true
		}
	}
	for _, e := range dictOf(parts[2]) {
		if name, ok := e.Key.(string); !ok || !names[name] {
			p.buffers = append(p.buffers, e)
		}
	}
	return p, looked, true
}

// setItems returns the items of a set.
func setItems(v any) []any {
	switch s := v.(type) {
	case *types.Set:
		return keysOf(*s)
	case *object: // builtins.set([…]), as protocol 2 writes it
		if len(s.args) == 1 {
			if l, ok := s.args[0].(*types.List); ok {
				return *l
			}
		}
		return s.items
	}
	return nil
}

// module visits what a module's state_dict would have, in its order:
// parameters, persistent buffers and modules, without those that are None.
func (w *flattener) module(p moduleParts, key string, depth int) error {
	for _, part := range [][]types.DictEntry{p.parameters, p.buffers, p.modules} {
		for _, e := range part {
			if e.Value == nil {
				if err := w.count(1, ""); err != nil {
					return err
				}
				continue
			}
			if err := w.item(e.Key, e.Value, key, depth); err != nil {
				return err
			}
		}
	}
	return nil
}
