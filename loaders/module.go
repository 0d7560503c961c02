package loaders

import "github.com/nlpodyssey/gopickle/types"

// A whole module, as torch.save(model) writes it, is an object whose state is
// the __dict__ of a torch.nn.Module.

// attributes returns the __dict__ that is the state of an object; with slots
// it is the first of two.
func (o *object) attributes() []types.DictEntry {
	state := o.state
	if t, ok := state.(*types.Tuple); ok && len(*t) == 2 {
		state = (*t)[0]
	}
	return dictOf(state)
}

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

// A moduleParts is what of a module belongs to its state_dict.
type moduleParts struct {
	parameters, buffers, modules []types.DictEntry
}

// module returns the parts of a torch.nn.Module, and whether o is one.
func (o *object) module() (p moduleParts, ok bool) {
	has := 0
	hidden := map[any]bool{}
	for _, e := range o.attributes() {
		switch e.Key {
		case "_parameters":
			p.parameters = dictOf(e.Value)
			has++
		case "_buffers":
			p.buffers = dictOf(e.Value)
		case "_modules":
			p.modules = dictOf(e.Value)
			has++
		case "_non_persistent_buffers_set":
			for _, name := range namesOf(e.Value) {
				hidden[name] = true
			}
		}
	}
	kept := p.buffers[:0:0]
	for _, e := range p.buffers {
		if name, ok := e.Key.(string); !ok || !hidden[name] {
			kept = append(kept, e)
		}
	}
	p.buffers = kept
	return p, has == 2
}

// namesOf returns the strings of a set.
func namesOf(v any) (names []string) {
	var items []any
	switch s := v.(type) {
	case *types.Set:
		items = keysOf(*s)
	case *object: // builtins.set([…]), as protocol 2 writes it
		items = s.items
		if len(s.args) == 1 {
			if l, ok := s.args[0].(*types.List); ok {
				items = *l
			}
		}
	}
	for _, x := range items {
		if name, ok := x.(string); ok {
			names = append(names, name)
		}
	}
	return names
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
