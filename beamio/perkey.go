package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/internal/device"
)

// PerKey is a handler for keyed collections that has a model for each cohort of
// keys, Python's KeyedModelHandler of KeyModelMappings: KV<K, E> →
// KV<K, PredictionResult>. A bundle puts examples into batches by model. An
// example whose key is in no cohort goes to Default, and without one it is a
// failure at [StageRoute].
//
// Register it with beamio.Register(&beamio.PerKey[string, Picture, Classes]{}),
// besides the handlers in it. [WithMaxModels] keeps the memory within bounds. K
// must be a type that survives JSON, such as a string or an integer. Every
// metric is told twice, for all cohorts, and with the name of the cohort and a
// dash before it.
type PerKey[K comparable, E, P any] struct {
	Cohorts []Cohort[K, E, P]
	Default ModelHandler[E, P] // nil for none
}

// Cohort is a model of [PerKey] and the keys whose examples it gets.
type Cohort[K comparable, E, P any] struct {
	Name    string // in metrics; the first key by default
	Keys    []K
	Handler ModelHandler[E, P]
}

// packedCohort is a [Cohort] on its way to the workers.
type packedCohort[K any] struct {
	Name    string
	Keys    []K
	Handler packed
}

type packedPerKey[K any] struct {
	Cohorts []packedCohort[K]
	Default *packed
}

// MarshalJSON packs the handlers.
func (p PerKey[K, E, P]) MarshalJSON() ([]byte, error) {
	var out packedPerKey[K]
	for _, c := range p.Cohorts {
		h, err := pack(c.Handler)
		if err != nil {
			return nil, fmt.Errorf("cohort %s: %w", c.name(), err)
		}
		out.Cohorts = append(out.Cohorts, packedCohort[K]{c.Name, c.Keys, h})
	}
	if p.Default != nil {
		h, err := pack(p.Default)
		if err != nil {
			return nil, fmt.Errorf("the default: %w", err)
		}
		out.Default = &h
	}
	return json.Marshal(out)
}

// UnmarshalJSON unpacks them.
func (p *PerKey[K, E, P]) UnmarshalJSON(data []byte) error {
	var in packedPerKey[K]
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*p = PerKey[K, E, P]{}
	for _, c := range in.Cohorts {
		h, err := unpack[ModelHandler[E, P]](c.Handler)
		if err != nil {
			return err
		}
		p.Cohorts = append(p.Cohorts, Cohort[K, E, P]{c.Name, c.Keys, h})
	}
	if in.Default == nil {
		return nil
	}
	h, err := unpack[ModelHandler[E, P]](*in.Default)
	p.Default = h
	return err
}

// Validate implements what [ModelHandler] says of it. Every cohort must have
// keys that no other has, a name of its own, and a valid handler.
func (p *PerKey[K, E, P]) Validate() error {
	var all []K
	keys, names := make(map[K]bool), map[string]bool{defaultCohort: true}
	for _, c := range p.Cohorts {
		switch {
		case len(c.Keys) == 0:
			return fmt.Errorf("cohort %q has no keys", c.Name)
		case names[c.name()]:
			return fmt.Errorf("the name %q of a cohort is taken", c.name())
		case c.Handler == nil:
			return fmt.Errorf("cohort %s has no handler", c.name())
		}
		names[c.name()] = true
		for _, k := range c.Keys {
			if keys[k] {
				return fmt.Errorf("the key %v is in two cohorts", k)
			}
			keys[k] = true
		}
		all = append(all, c.Keys...)
		if err := errors.Join(validate(c.Handler), checkPreferred(c.Handler)); err != nil {
			return fmt.Errorf("cohort %s: %w", c.name(), err)
		}
	}
	if p.Default == nil && len(p.Cohorts) == 0 {
		return errors.New("no models")
	}
	var arrived []K
	data, err := json.Marshal(all)
	if err == nil {
		err = json.Unmarshal(data, &arrived)
	}
	if err != nil || !slices.Equal(arrived, all) {
		return fmt.Errorf("the keys %v would not reach the workers as they are: %s, %v", all, data, err)
	}
	if p.Default != nil {
		return errors.Join(validate(p.Default), checkPreferred(p.Default))
	}
	return nil
}

// Load implements [ModelHandler], but returns an error: there is no one model.
func (p *PerKey[K, E, P]) Load(context.Context) (Model[E, P], error) {
	return nil, errors.New("beamio.PerKey has a model for each key and works in RunInference only")
}

// defaultCohort is the name of the cohort of [PerKey]'s Default.
const defaultCohort = "default"

func (c *Cohort[K, E, P]) name() string {
	if c.Name == "" && len(c.Keys) > 0 {
		return fmt.Sprint(c.Keys[0])
	}
	return c.Name
}

// cohorts are the recipes of a [PerKey].
type cohorts[E, P any] struct {
	byKey    map[any]*recipe[E, P]
	fallback *recipe[E, P] // nil for none
}

// of returns the recipe for a key, nil if there is none.
func (c *cohorts[E, P]) of(key beam.T) *recipe[E, P] {
	if r, ok := c.byKey[key]; ok {
		return r
	}
	return c.fallback
}

func (p *PerKey[K, E, P]) cohorts(set *settings) (*cohorts[E, P], error) {
	recipeOf := func(name string, h ModelHandler[E, P]) (*recipe[E, P], error) {
		packed, err := pack(h)
		if err != nil {
			return nil, err
		}
		own := *set
		if own.ModelID != "" {
			own.ModelID += "/" + name
		}
		r := newRecipe(h, packed, &own)
		r.prefix = name + "-"
		return r, nil
	}
	out := &cohorts[E, P]{byKey: make(map[any]*recipe[E, P])}
	for _, c := range p.Cohorts {
		r, err := recipeOf(c.name(), c.Handler)
		if err != nil {
			return nil, err
		}
		for _, k := range c.Keys {
			out.byKey[k] = r
		}
	}
	if p.Default == nil {
		return out, nil
	}
	var err error
	out.fallback, err = recipeOf(defaultCohort, p.Default)
	return out, err
}

// place returns a GPU if one of the models may be on one.
func (p *PerKey[K, E, P]) place() device.Options {
	for _, c := range p.Cohorts {
		if wantsGPU(c.Handler) {
			return placeOf(c.Handler)
		}
	}
	return placeOf(p.Default)
}

// keyType returns what the keys of the collection must be.
func (p *PerKey[K, E, P]) keyType() reflect.Type { return reflect.TypeFor[K]() }
