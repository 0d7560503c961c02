package loaders

import (
	"strings"
)

// A Global is a Python function or class that a pickle names.
type Global struct {
	Module  string // "torch._utils"
	Name    string // qualified name in the module, "_rebuild_tensor_v2"
	Allowed bool   // whether Open allows it without [WithInert]
}

// String returns the full name, "torch._utils._rebuild_tensor_v2".
func (g Global) String() string { return g.Module + "." + g.Name }

// machineGlobals are the globals that gopickle's machine resolves by itself,
// before it asks. Where that will not do, the scanner patches the first byte
// of the module's name, so that the machine asks.
var machineGlobals = map[string]bool{
	"collections.OrderedDict": true, "builtins.list": true, "builtins.dict": true, "__builtin__.object": true,
	"array._array_reconstructor": true, "copy_reg._reconstructor": true,
}

// patched is what the first byte of a patched module's name becomes. No
// module's name has it: the scanner refuses control characters.
const patched = '\x01'

// unpatched returns the module's name that the scanner saw.
func unpatched(module, name string) string {
	if rest, ok := strings.CutPrefix(module, string(patched)); ok {
		for g := range machineGlobals {
			if strings.HasSuffix(g, "."+name) && g[1:] == rest+"."+name {
				return g[:1] + rest
			}
		}
	}
	return module
}

// lookup returns what a global stands for, nil if it is not allowed.
func (f *file) lookup(module, name string) any {
	g := lookup(module, name)
	if g != nil || !f.inert {
		return g
	}
	if g := inertFunctions[module+"."+name]; g != nil {
		return g
	}
	return &function{name: module + "." + name, module: module, global: name, result: inertObject}
}

// global returns the slot of a global, if it is allowed; full is its module, a
// newline and its name; at is the place of the module's name if a patch there
// has no other effect, 0 otherwise.
func (s *scanner) global(full []byte, at int) (slot, error) {
	n, known := s.named[string(full)]
	if !known {
		var err error
		if n, err = s.resolve(full); err != nil {
			return slot{}, err
		}
		if s.named == nil {
			s.named = map[string]int{}
		}
		s.named[string(full)] = n
	}
	if n < 0 {
		return slot{}, nil
	}
	f := s.functions[n]
	if f.result != orderedDict && machineGlobals[f.name] {
		switch {
		case f.module == "builtins": // named, as defaultdict(list) does, but never called
			return slot{}, nil
		case at == 0:
			return slot{}, &GlobalError{s.file.name, s.member, s.base + int64(s.op), f.module, f.global}
		}
		s.patch(at, patched)
	}
	return slot{callable, int32(n), int32(at)}, nil
}

// resolve returns the place of an allowed function in functions, -1 for
// another global that is allowed.
func (s *scanner) resolve(full []byte) (int, error) {
	module, name, _ := strings.Cut(string(full), "\n")
	var g any
	if !strings.ContainsFunc(module+name, func(r rune) bool { return r < ' ' }) {
		g = s.file.lookup(module, name)
	}
	if g == nil {
		return 0, &GlobalError{s.file.name, s.member, s.base + int64(s.op), module, name}
	}
	s.globals = append(s.globals, Global{module, name, lookup(module, name) != nil})
	f, ok := g.(*function)
	if !ok {
		return -1, nil
	}
	s.functions = append(s.functions, f)
	return len(s.functions) - 1, nil
}

// reduce checks a call. OrderedDict takes no argument in what Python 3 writes,
// a list of pairs in what Python 2 wrote, for which the machine has to ask.
func (s *scanner) reduce(f, args slot) (slot, error) {
	if f.kind == inertObject && s.file.inert { // what a function returned, called
		return slot{kind: inertObject}, nil
	}
	if f.kind != callable {
		return slot{}, s.fail("Trying to call reduce for unrecognized function")
	}
	g := s.functions[f.at]
	if g.result == orderedDict && args.kind != emptyTuple {
		if f.n == 0 || g.module != "collections" {
			return slot{}, s.fail("OrderedDict with arguments")
		}
		s.patch(int(f.n), patched)
	}
	return slot{kind: g.result}, nil
}

// instance checks NEWOBJ_EX, INST and OBJ, which call a class in other ways.
func (s *scanner) instance(code byte, arg []byte, taken []slot) (slot, error) {
	var class slot
	switch code {
	case 'i':
		var err error
		if class, err = s.global(arg[:len(arg)-1], s.op+1); err != nil {
			return slot{}, err
		}
	default:
		if len(taken) == 0 {
			return slot{}, s.fail("OBJ without class")
		}
		class = taken[0]
	}
	if class.kind != callable || s.functions[class.at].result == orderedDict {
		return slot{}, s.fail("Can only create new object for nn.Parameter or classes that are allowed")
	}
	return slot{kind: s.functions[class.at].result}, nil
}
