package vision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// A SidecarError reports what is wrong with a side-car file.
type SidecarError struct {
	Field string // "min_size"; "" for the file as a whole
	Err   error  // an [*OptionError] for a value that makes no sense
}

func (e *SidecarError) Error() string {
	reason := e.Err.Error()
	if o, ok := e.Err.(*OptionError); ok {
		reason = fmt.Sprintf("got %s, want %s", o.Got, o.Want)
	}
	if e.Field == "" {
		return "vision: side-car: " + reason
	}
	return fmt.Sprintf("vision: side-car: %s: %s", e.Field, reason)
}

// Unwrap returns Err.
func (e *SidecarError) Unwrap() error { return e.Err }

// SidecarName returns the name of the side-car file that belongs to a checkpoint,
// beside it: "models/shapes.json" for "models/shapes.pth". It returns "" for a
// checkpoint whose own name that would be.
func SidecarName(checkpoint string) string {
	ext := path.Ext(checkpoint[strings.LastIndexAny(checkpoint, `/\`)+1:])
	if name := strings.TrimSuffix(checkpoint, ext) + ".json"; name != checkpoint {
		return name
	}
	return ""
}

// ParseSidecar returns the options that a side-car file gives: a JSON object with
// what a checkpoint does not hold. Options given after them overrule them. The
// fields, all of which may be left out, are explained in docs/sidecar.md:
//
//	{
//	    "preset": "MaskRCNN_ResNet50_FPN_Weights.COCO_V1",
//	    "categories": ["background", "circle", "square"],
//	    "eps": 1e-5,
//	    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
//
//	    "min_size": 800, "max_size": 1333, "resize_rule": "float64", "fixed_size": [300, 300],
//	    "anchors": {"sizes": [[32], [64], [128], [256], [512]], "ratios": [0.5, 1, 2]},
//	    "default_boxes": {"scales": [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05], "steps": [8, 16, 32, 64, 100, 300]},
//	    "score_threshold": 0.05, "nms_threshold": 0.5, "max_detections": 100,
//	    "candidates": 1000, "proposals": {"before": 1000, "after": 1000}, "proposal_score": 0,
//
//	    "resize": 256, "crop": 224, "filter": "bilinear"
//	}
//
// It returns a [*SidecarError] for what is no JSON object, for a field that there
// is not, is there twice or has a value of another type. A value that makes no
// sense, or is for another task, is a [*SidecarError] of the constructor.
func ParseSidecar(data []byte) ([]Option, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	fields := sidecarFields()
	if err := open(d); err != nil {
		return nil, &SidecarError{"", err}
	}
	var opts []Option
	seen := make(map[string]bool)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, &SidecarError{"", readable(err)}
		}
		name := key.(string)
		parse, known := fields[name]
		var value json.RawMessage
		switch err = d.Decode(&value); {
		case err != nil:
			return nil, &SidecarError{shown(name), readable(err)}
		case !known:
			return nil, &SidecarError{shown(name), errors.New("there is no such field")}
		case seen[name]:
			return nil, &SidecarError{name, errors.New("is there twice")}
		}
		seen[name] = true
		o, err := parse(value)
		if err != nil {
			return nil, &SidecarError{name, err}
		}
		if o = blaming(name, o); name == "preset" { // what else is in the file overrules it
			opts = slices.Insert(opts, 0, o)
		} else {
			opts = append(opts, o)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, &SidecarError{"", readable(err)}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &SidecarError{"", errors.New("goes on after its object")}
	}
	return opts, nil
}

// open reads the beginning of an object.
func open(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return readable(err)
	}
	if t != json.Delim('{') {
		return errors.New("want a JSON object")
	}
	return nil
}

// readable says that JSON is cut off in more than three letters.
func readable(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON is cut off")
	}
	return err
}

// shown cuts the name of a field, which may be anything, to what an error should hold.
func shown(name string) string {
	const most = 40
	q := fmt.Sprintf("%q", name)
	if len(q) > most {
		return fmt.Sprintf("%.40q…", name)
	}
	return q[1 : len(q)-1]
}

// blaming has an option's error name the field that it is from.
func blaming(field string, o Option) Option {
	return func(c *config) {
		was := c.err
		if o(c); was == nil && c.err != nil {
			c.err = &SidecarError{field, c.err}
		}
	}
}

// A sidecarField makes the option of a field's value.
type sidecarField func(value json.RawMessage) (Option, error)

func sidecarFields() map[string]sidecarField {
	return map[string]sidecarField{
		"preset":          field("a string", WithPreset),
		"categories":      field("an array of strings", WithLabels),
		"eps":             field("a number", WithEps),
		"mean":            numbers(3, func(v []float32) Option { return WithMean([3]float32(v)) }),
		"std":             numbers(3, func(v []float32) Option { return WithStd([3]float32(v)) }),
		"min_size":        field("a whole number", WithMinSize),
		"max_size":        field("a whole number", WithMaxSize),
		"resize_rule":     field(`"float64" or "float32"`, ruleName.option),
		"fixed_size":      numbers(2, func(v []int) Option { return WithFixedSize(v[0], v[1]) }),
		"anchors":         field(`{"sizes": [[32], …], "ratios": [0.5, …]}`, anchors.option),
		"default_boxes":   field(`{"scales": [0.07, …], "steps": [8, …]}`, defaultBoxes.option),
		"score_threshold": field("a number", WithScoreThreshold),
		"nms_threshold":   field("a number", WithNMSThreshold),
		"max_detections":  field("a whole number", WithMaxDetections),
		"candidates":      field("a whole number", WithCandidates),
		"proposals":       field(`{"before": 1000, "after": 1000}`, proposals.option),
		"proposal_score":  field("a number", WithProposalScore),
		"resize":          field("a whole number", WithResize),
		"crop":            field("a whole number", WithCrop),
		"filter":          field(`the name of a filter, "bilinear" or "bicubic", say`, WithFilter),
	}
}

type anchors struct {
	Sizes  [][]int
	Ratios []float64
}

func (a anchors) option() Option { return WithAnchors(a.Sizes, a.Ratios) }

type defaultBoxes struct{ Scales, Steps []float64 }

func (b defaultBoxes) option() Option { return WithDefaultBoxes(b.Scales, b.Steps) }

type proposals struct{ Before, After int }

func (p proposals) option() Option { return WithProposals(p.Before, p.After) }

// ruleName is the name of a [ResizeRule].
type ruleName string

func (r *ruleName) UnmarshalText(text []byte) error {
	if *r = ruleName(text); *r != "float64" && *r != "float32" {
		return errors.New("no such rule")
	}
	return nil
}

func (r ruleName) option() Option {
	if r == "float32" {
		return WithResizeRule(ResizeFloat32)
	}
	return WithResizeRule(ResizeFloat64)
}

// field decodes a value, of which it wants to know all, for an option.
func field[T any](want string, with func(T) Option) sidecarField {
	return func(value json.RawMessage) (Option, error) {
		var v T
		d := json.NewDecoder(bytes.NewReader(value))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil || string(value) == "null" {
			return nil, fmt.Errorf("got %s, want %s", excerpt(value), want)
		}
		return with(v), nil
	}
}

// numbers decodes an array of n numbers.
func numbers[T any](n int, with func([]T) Option) sidecarField {
	return func(value json.RawMessage) (Option, error) {
		var v []T
		if err := json.Unmarshal(value, &v); err != nil || len(v) != n {
			return nil, fmt.Errorf("got %s, want an array of %d numbers", excerpt(value), n)
		}
		return with(v), nil
	}
}

// excerpt returns the beginning of a value.
func excerpt(value json.RawMessage) string {
	const most = 60
	if len(value) > most {
		return strings.ToValidUTF8(string(value[:most]), "") + "…"
	}
	return string(value)
}
