package loaders

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// readIndex reads an index of shards, model.safetensors.index.json or
// pytorch_model.bin.index.json:
//
//	{"metadata": {…}, "weight_map": {"key": "model-00001-of-00002.safetensors", …}}
//
// and opens the shards, which lie beside it. Every key must be in the shard
// that the index names, and every tensor of a shard in the index.
func (f *file) readIndex(o options, in *folder) error {
	if f.src.size() > f.limits.HeaderBytes {
		return &LimitError{f.name, "HeaderBytes", f.limits.HeaderBytes, "an index of shards"}
	}
	text, err := f.src.view(0, f.src.size())
	if err != nil {
		return f.wrap(0, "", "cannot be read", err)
	}
	if !utf8.Valid(text) {
		return f.wrap(0, "", "an index of shards that is not UTF-8", nil)
	}
	h := headerReader{file: f, json: json.NewDecoder(bytes.NewReader(text))}
	h.json.UseNumber()
	x := index{shards: map[string]*Checkpoint{}, of: map[string]string{}}
	err = h.object(func(name string) error {
		if name == "weight_map" {
			return h.object(func(key string) error {
				h.key = key
				shard, err := h.text()
				if err == nil {
					err = x.add(key, shard)
				}
				return err
			})
		}
		return h.skip()
	})
	if err == nil && len(bytes.TrimSpace(text[h.json.InputOffset():])) > 0 {
		err = errors.New("text after the last brace")
	}
	if err == nil && len(x.keys) == 0 {
		err = errors.New("no weight_map: not an index of shards")
	}
	if err != nil {
		if l := (*LimitError)(nil); errors.As(err, &l) {
			return err
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &FormatError{f.name, h.json.InputOffset(), "", clip(h.key), "damaged index of shards, before this byte", err}
	}
	return x.open(f, o, in)
}

// An index is which shard has which tensor.
type index struct {
	keys, names []string               // of tensors and shards, in the order of the index
	of          map[string]string      // shard by key
	shards      map[string]*Checkpoint // by name
}

func (x *index) add(key, shard string) error {
	if !plainName(shard) {
		return fmt.Errorf("shard %q is not the plain name of a file", clip(shard))
	}
	if _, ok := x.shards[shard]; !ok {
		x.shards[shard] = nil
		x.names = append(x.names, shard)
	}
	x.keys = append(x.keys, key)
	x.of[key] = shard
	return nil
}

// plainName reports whether name is that of a file in the same directory, on
// every system.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\:\x00") &&
		filepath.Base(name) == name
}

func (x *index) open(f *file, o options, in *folder) error {
	f.versions, f.values = map[string]int{}, map[string]any{}
	tensors := 0
	for _, name := range x.names {
		c, err := in.open(in.beside(f.name, name), o, nil)
		if err != nil {
			return &FormatError{Name: f.name, Offset: -1, Msg: fmt.Sprintf("shard %q", clip(name)), Err: err}
		}
		x.shards[name] = c
		if tensors += len(c.keys); tensors > f.limits.Entries {
			return &LimitError{f.name, "Entries", int64(f.limits.Entries), "tensors of all shards"}
		}
		for _, key := range c.keys {
			if x.of[key] != name {
				return &FormatError{Name: f.name, Offset: -1, Key: clip(key),
					Msg: fmt.Sprintf("shard %q has it, but not according to the index", clip(name))}
			}
		}
		f.format = c.file.format + " shards"
		f.ignored = append(f.ignored, c.file.ignored...)
		f.addGlobals(c.file.globals)
		maps.Copy(f.versions, c.file.versions)
		maps.Copy(f.values, c.file.values)
		f.pickled += c.file.pickled
		if f.metadata == nil {
			f.metadata = c.file.metadata
		}
	}
	for _, key := range x.keys {
		e := x.shards[x.of[key]].entries[key]
		if e == nil {
			return &FormatError{Name: f.name, Offset: -1, Key: clip(key),
				Msg: fmt.Sprintf("shard %q does not have it", clip(x.of[key]))}
		}
		f.entries = append(f.entries, e)
	}
	return nil
}

// skip reads a value of no interest; nesting is bounded by encoding/json.
func (h *headerReader) skip() error {
	var v json.RawMessage
	return h.json.Decode(&v)
}
