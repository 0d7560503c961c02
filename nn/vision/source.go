package vision

import (
	"strings"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// wrappers are what stands before the keys of a state_dict that a training
// script has saved together with other things, from DistributedDataParallel, or
// as torch.compile made it.
var wrappers = []string{"model.", "state_dict.", "model_state_dict.", "module.", "_orig_mod."}

// unwrapped is the part of a checkpoint under a prefix.
type unwrapped struct {
	src    nn.Source
	prefix string
	keys   []string
}

func unwrap(src nn.Source, prefix string) *unwrapped {
	u := &unwrapped{src: src, prefix: prefix}
	for _, k := range src.Keys() {
		if name, ok := strings.CutPrefix(k, prefix); ok {
			u.keys = append(u.keys, name)
		}
	}
	return u
}

// Keys implements [nn.Source].
func (u *unwrapped) Keys() []string { return u.keys }

// Tensor implements [nn.Source].
func (u *unwrapped) Tensor(key string) (*tensor.Tensor, error) { return u.src.Tensor(u.prefix + key) }

// Version implements what [nn.Source] may have: the version of a module.
func (u *unwrapped) Version(module string) (int, bool) {
	src, ok := u.src.(interface{ Version(string) (int, bool) })
	if !ok {
		return 0, false
	}
	return src.Version(strings.TrimSuffix(u.prefix+module, "."))
}
