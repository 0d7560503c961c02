package loaders

import (
	"fmt"
	"io/fs"
	"strings"
)

// A FormatError reports a file that is not a readable checkpoint, or a tensor
// whose bytes are damaged. It says where in the file the fault is.
type FormatError struct {
	Name   string // the file, as given to Open
	Offset int64  // byte in Member, or in the file if Member is empty; -1 if the fault has no place
	Member string // the entry of the archive or "header", empty for the file itself
	Key    string // the tensor, if the fault belongs to one
	Msg    string // what is wrong, and what to do about it
	Err    error  // the cause, or nil
}

func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString("loaders: " + e.Name)
	if e.Member != "" {
		b.WriteString(": " + e.Member)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, ": byte %d", e.Offset)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, ": tensor %q", e.Key)
	}
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if e.Err != nil {
		b.WriteString(": " + clip(e.Err.Error()))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// A GlobalError reports a pickle that names a Python function or class outside
// the list that torch.load(weights_only=True) allows. Nothing of it was run.
type GlobalError struct {
	Name   string // the file
	Member string // the entry of the archive that holds the pickle, empty if there is none
	Offset int64  // byte in Member, or in the file
	Module string // Python module of the global, "os"
	Global string // qualified name in that module, "system"
}

// blockedModules are refused by torch even if a user allows their functions.
var blockedModules = []string{"sys", "os", "posix", "nt"}

func (e *GlobalError) Error() string {
	full := clip(e.Module + "." + e.Global)
	at := fmt.Sprintf("loaders: %s: ", e.Name)
	if e.Member != "" {
		at += e.Member + ": "
	}
	at += fmt.Sprintf("byte %d: ", e.Offset)
	for _, m := range blockedModules {
		if e.Module == m {
			return at + fmt.Sprintf("Trying to load unsupported GLOBAL %s whose module %s is blocked. "+
				"Nothing was run; do not load this file elsewhere unless you trust it", full, m)
		}
	}
	return at + fmt.Sprintf("Unsupported global: GLOBAL %s was not an allowed global by default. "+
		"Nothing was run; open it with WithInert, which keeps such objects closed, or, if you trust the file, "+
		"load it in Python and save the weights alone: torch.save(model.state_dict(), path)", full)
}

// A KeyError reports a tensor that a checkpoint does not have.
// errors.Is(err, fs.ErrNotExist) is true for it.
type KeyError struct {
	Name string // the file
	Key  string // the tensor asked for
	Hint string // a similar key that the file has and how to reach it, or empty
}

func (e *KeyError) Error() string {
	s := fmt.Sprintf("loaders: %s: no tensor %q", e.Name, e.Key)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Is reports whether target is [fs.ErrNotExist].
func (e *KeyError) Is(target error) bool { return target == fs.ErrNotExist }

// A TypeError reports a tensor that the file has but that no [tensor.Tensor]
// can hold: quantized, sparse, of 8-bit floats and the like.
type TypeError struct {
	Name string // the file
	Key  string // the tensor
	Type string // PyTorch's name of its type, "int16", or what else it is, "a sparse tensor"
}

func (e *TypeError) Error() string {
	cure := "save it in Python as one of these"
	for _, c := range typeCures {
		if strings.Contains(e.Type, c.part) {
			cure = "in Python, " + c.cure
			break
		}
	}
	return fmt.Sprintf("loaders: %s: tensor %q is %s; readable are "+
		"float16, bfloat16, float32, float64, int8 to int64, uint8 to uint64, bool, complex64 and complex128; %s",
		e.Name, e.Key, e.Type, cure)
}

// typeCures say how a tensor t of another type becomes readable, by a part of
// TypeError.Type.
var typeCures = []struct{ part, cure string }{
	{"float8", "save t.to(torch.bfloat16)"}, // every value of an 8-bit float is one of bfloat16
	{"complex32", "save t.to(torch.complex64)"},
	{"quantized", "save t.dequantize()"},
	{"sparse", "save t.to_dense()"},
	{"conjugated", "save t.resolve_conj()"},
	{"negated", "save t.resolve_neg()"},
	{"meta", "load the weights before saving"},
	{"another device", "save t.cpu()"},
	{"subclass", "save t.as_subclass(torch.Tensor)"},
}

// A LimitError reports a file that needs more than its [Limits] grant.
type LimitError struct {
	Name  string // the file
	Limit string // the field of [Limits]
	Max   int64  // its value
	Msg   string // what needed more
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("loaders: %s: %s: more than Limits.%s = %d", e.Name, e.Msg, e.Limit, e.Max)
}

// clip shortens text that comes from a file, so that a hostile one does not
// fill a log.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
