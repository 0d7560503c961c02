package vision

import (
	"fmt"
	"strings"
)

// An UnknownArchitectureError reports a checkpoint that belongs to no network
// that this package knows of.
type UnknownArchitectureError struct {
	Tensors int      // how many the checkpoint has
	Keys    []string // the first few of their names
	Looked  []string // the families of networks that were looked for
}

func (e *UnknownArchitectureError) Error() string {
	has := "which has no tensors"
	if e.Tensors > 0 {
		has = fmt.Sprintf("whose %d tensors begin with %s", e.Tensors, strings.Join(e.Keys, ", "))
	}
	return fmt.Sprintf("vision: no known network in this checkpoint, %s; looked for %s", has,
		strings.Join(e.Looked, ", "))
}

// An UnsupportedArchitectureError reports a checkpoint of a network of
// torchvision that is recognised but cannot be run, or not by the constructor
// that was called.
type UnsupportedArchitectureError struct {
	Name string // torchvision's builder, "retinanet_resnet50_fpn"
	Want string // what could be run; "" for every network of this package
}

func (e *UnsupportedArchitectureError) Error() string {
	want := e.Want
	if want == "" {
		want = supported()
	}
	return fmt.Sprintf("vision: this is a checkpoint of %s, which is not supported here; %s", e.Name, want)
}

// An OptionError reports an option that makes no sense.
type OptionError struct {
	Option string // "WithMinSize"
	Got    string
	Want   string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("vision: %s: got %s, want %s", e.Option, e.Got, e.Want)
}

// A PictureError reports a picture that cannot be looked at.
type PictureError struct {
	Index int // in the batch
	Got   string
	Want  string
}

func (e *PictureError) Error() string {
	return fmt.Sprintf("vision: picture %d: got %s, want %s", e.Index, e.Got, e.Want)
}
