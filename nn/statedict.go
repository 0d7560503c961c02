package nn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/argand-go/argand/tensor"
)

// SizeMismatch is a tensor whose shape is not the one that the network needs.
type SizeMismatch struct {
	Key             string
	Checkpoint, Net tensor.Shape
}

// StateDictError reports everything that is wrong between a checkpoint and a
// network, in the words of PyTorch's load_state_dict.
type StateDictError struct {
	Network    string   // class, "ResNet"
	Missing    []string // keys that the network needs and the checkpoint lacks
	Unexpected []string // keys that the network does not know
	Mismatch   []SizeMismatch
	Failed     []error // tensors that could not be read from the file
}

func (e *StateDictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Error(s) in loading state_dict for %s:", e.Network)
	keys := func(what string, list []string) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "\n\t%s key(s) in state_dict: \"%s\". ", what, strings.Join(list, `", "`))
		}
	}
	keys("Missing", e.Missing)
	keys("Unexpected", e.Unexpected)
	for _, m := range e.Mismatch {
		fmt.Fprintf(&b, "\n\tsize mismatch for %s: copying a param with shape %s from checkpoint, "+
			"the shape in current model is %s.", m.Key, torchSize(m.Checkpoint), torchSize(m.Net))
	}
	for _, err := range e.Failed {
		fmt.Fprintf(&b, "\n\t%v", err)
	}
	if hint := e.hint(); hint != "" {
		b.WriteString("\n\t" + hint)
	}
	return b.String()
}

// Unwrap returns the errors of the tensors that could not be read.
func (e *StateDictError) Unwrap() error { return errors.Join(e.Failed...) }

// hint names the usual reason for all keys being foreign, and the cure.
func (e *StateDictError) hint() string {
	if len(e.Unexpected) == 0 || len(e.Missing) == 0 {
		return ""
	}
	if prefix := e.prefix(); prefix == "module." {
		return `The keys begin with "module." (DistributedDataParallel): use StripPrefix("module.").`
	} else if prefix != "" {
		name := strings.TrimSuffix(prefix, ".")
		return fmt.Sprintf("The checkpoint keeps its state_dict under %q: use Sub(%q).", name, name)
	}
	for _, prefix := range []string{"module.", "model.", "state_dict.", "model_state_dict."} {
		all := true
		some := false
		for _, k := range e.Unexpected {
			if strings.HasPrefix(k, prefix) {
				some = true
			} else {
				all = false
			}
		}
		switch {
		case all && prefix == "module.":
			return `All keys begin with "module." (DistributedDataParallel): use StripPrefix("module.").`
		case some:
			name := strings.TrimSuffix(prefix, ".")
			return fmt.Sprintf("The checkpoint keeps its state_dict under %q: use Sub(%q).", name, name)
		}
	}
	return ""
}

// prefix returns what the unexpected keys have before all of the missing ones,
// "state_dict.model." for one, empty if there is no such prefix.
func (e *StateDictError) prefix() string {
	unexpected := make(map[string]bool, len(e.Unexpected))
	for _, k := range e.Unexpected {
		unexpected[k] = true
	}
	for _, k := range e.Unexpected {
		prefix, ok := strings.CutSuffix(k, "."+e.Missing[0])
		if !ok {
			continue
		}
		prefix += "."
		if !slices.ContainsFunc(e.Missing, func(m string) bool { return !unexpected[prefix+m] }) {
			return prefix
		}
	}
	return ""
}

func torchSize(s tensor.Shape) string {
	return "torch.Size(" + strings.ReplaceAll(fmt.Sprint([]int(s)), " ", ", ") + ")"
}
