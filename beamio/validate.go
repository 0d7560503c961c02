package beamio

import (
	"errors"
	"fmt"

	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// noCheckpoint is a checkpoint without tensors. The constructors of vision look
// at their options first and get no further with it, so that options can be
// checked where there is no checkpoint.
type noCheckpoint struct{}

func (noCheckpoint) Keys() []string { return nil }

func (noCheckpoint) Tensor(key string) (*tensor.Tensor, error) {
	return nil, fmt.Errorf("no tensor %q", key)
}

// optionError returns what a constructor says of its options, and nil for what
// it says of noCheckpoint.
func optionError(err error) error {
	if e, ok := errors.AsType[*vision.OptionError](err); ok {
		return e
	}
	return nil
}
