//go:build linux && cgo && !nocuda

package cudnn

// #include "cudnn.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
)

// Plan is an engine that is set up for a convolution.
type Plan struct {
	Engine    int // its number, which differs between versions of cuDNN
	Notes     Notes
	Workspace int64 // bytes of the device's memory that it needs while it runs

	knobs       []knob
	name        string
	device      *Device
	residual    bool
	config, ptr descriptor
	mu          sync.Mutex // held by runs while they submit
}

// A knob is a setting of an engine: one of the kinds that cuDNN numbers, and a
// value.
type knob struct {
	kind  C.int
	value int64
}

// Name returns the engine's number and settings as NVIDIA writes them,
// "eng41_k2=27_k3=0".
func (p *Plan) Name() string { return p.name }

// Close frees the plan, which must not be running.
func (p *Plan) Close() error {
	plan, config := p.ptr, p.config
	p.ptr, p.config = nil, nil
	return errors.Join(p.device.dropOne(plan), p.device.dropOne(config))
}

// Limits say how many plans are wanted, and how much each may need.
type Limits struct {
	Plans     int
	Workspace int64 // bytes
}

// Plans returns plans for a convolution, those first that cuDNN expects to be the
// fastest, of engines that compute in the convolution's precision and need no
// compiler at run time; the last are those of which it expects only that they
// work. There may be none. An error is a [*ShapeError], cuDNN's or the driver's.
func (d *Device) Plans(c Convolution, limits Limits) (plans []*Plan, err error) {
	s, err := d.search(c, limits)
	if err != nil {
		return nil, err
	}
	graph := s.graph(&c, d)
	for _, mode := range []C.int{C.CUDNN_HEUR_MODE_A, C.CUDNN_HEUR_MODE_FALLBACK} {
		s.ask(graph, mode)
	}
	return s.end()
}

// Again returns a plan of the same engine, set up in the same way, for a
// convolution that differs from the plan's in N only. It is refused if the engine
// needs less memory for more maps: it has then given up a split of its sums, and
// adds up in another order.
func (p *Plan) Again(c Convolution) (*Plan, error) {
	s, err := p.device.search(c, Limits{1, 1 << 62})
	if err != nil {
		return nil, err
	}
	graph := s.graph(&c, p.device)
	engine := s.make(C.CUDNN_BACKEND_ENGINE_DESCRIPTOR, p.name, s.device.describe(C.CUDNN_ATTR_ENGINE_DEVICEPROP,
		descriptors(C.CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph), integers(C.CUDNN_ATTR_ENGINE_GLOBAL_INDEX, p.Engine))...)
	attributes := []attribute{descriptors(C.CUDNN_ATTR_ENGINECFG_ENGINE, engine)}
	var choices []descriptor
	for _, k := range p.knobs {
		choices = append(choices, s.make(C.CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, p.name,
			enum(C.CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, C.CUDNN_TYPE_KNOB_TYPE, k.kind),
			integers(C.CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, int(k.value))))
	}
	if choices != nil {
		attributes = append(attributes, descriptors(C.CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, choices...))
	}
	config := s.make(C.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, p.name, attributes...)
	s.plan(config, &Plan{Engine: p.Engine, Notes: p.Notes, knobs: p.knobs})
	plans, err := s.end()
	if err != nil {
		return nil, err
	}
	if again := plans[0]; again.Workspace < p.Workspace {
		return nil, errors.Join(&ShapeError{fmt.Sprintf("%s needs %d bytes for N = %d, and %d for a smaller N",
			p.name, again.Workspace, c.N, p.Workspace)}, again.Close())
	}
	return plans[0], nil
}

// A search looks for plans.
type search struct {
	maker
	device      *Device
	convolution *Convolution
	limits      Limits
	plans       []*Plan
	seen        map[string]bool // by name
}

func (d *Device) search(c Convolution, limits Limits) (*search, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &search{maker: maker{place: d.place}, device: d, convolution: &c, limits: limits,
		seen: make(map[string]bool)}, nil
}

// end drops what is not needed any more, and returns the plans.
func (s *search) end() ([]*Plan, error) {
	err := s.drop()
	if err == nil {
		return s.plans, nil
	}
	for _, p := range s.plans {
		err = errors.Join(err, p.Close())
	}
	return nil, err
}

// describe appends the description of the device, if it is described.
func (d *Device) describe(name C.int, attributes ...attribute) []attribute {
	if d.properties == nil {
		return attributes
	}
	return append(attributes, descriptors(name, d.properties))
}

// ask asks one of the heuristics. That it knows no engine is no failure.
func (s *search) ask(graph descriptor, mode C.int) {
	if s.err != nil {
		return
	}
	heuristics := s.make(C.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristics", s.device.describe(
		C.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, descriptors(C.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph),
		enum(C.CUDNN_ATTR_ENGINEHEUR_MODE, C.CUDNN_TYPE_HEUR_MODE, mode))...)
	const results = C.CUDNN_ATTR_ENGINEHEUR_RESULTS
	n := get(&s.maker, heuristics, results, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, "heuristics", []descriptor(nil))
	configs := s.list(heuristics, results, C.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "engine configuration", n)
	if s.forgive() {
		return
	}
	for _, config := range configs {
		if s.err == nil && len(s.plans) < s.limits.Plans {
			s.try(config)
		}
	}
}

// list reads an attribute that is a list of at most as many descriptors.
func (s *search) list(d descriptor, name, kind C.int, what string, most int) []descriptor {
	list := make([]descriptor, most)
	for i := range list {
		list[i] = s.blank(kind, what)
	}
	if most == 0 {
		return nil
	}
	n := get(&s.maker, d, name, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, what, list)
	return list[:min(n, most)]
}

// forgive forgets an error that says that something is not supported, or has
// failed in cuDNN itself. It reports whether there was one.
func (s *search) forgive() bool {
	e, ok := errors.AsType[*Error](s.err)
	if ok = ok && e.Status >= 3000 && e.Status < 5000 && !e.OutOfMemory(); ok {
		s.err = nil
	}
	return ok
}

// try makes a plan of a configuration, if its engine will do.
func (s *search) try(config descriptor) {
	var engine descriptor
	engines := s.list(config, C.CUDNN_ATTR_ENGINECFG_ENGINE, C.CUDNN_BACKEND_ENGINE_DESCRIPTOR, "engine", 1)
	if len(engines) > 0 {
		engine = engines[0]
	}
	p := &Plan{
		Engine: int(integer(s, engine, C.CUDNN_ATTR_ENGINE_GLOBAL_INDEX, C.CUDNN_TYPE_INT64, int64(0))),
		Notes:  Notes(s.bits(engine, C.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, C.CUDNN_TYPE_NUMERICAL_NOTE)),
	}
	behavior := s.bits(engine, C.CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, C.CUDNN_TYPE_BEHAVIOR_NOTE)
	compiled := behavior&(1<<C.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) == 0
	if s.forgive() || !compiled || p.Notes&^s.convolution.allowed() != 0 {
		return
	}
	const most = 24 // cuDNN 9.26 has at most 9 for any engine, and does not tell how many before they are read
	knobs := s.list(config, C.CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, C.CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, "knob", most)
	for _, k := range knobs {
		p.knobs = append(p.knobs, knob{
			integer(s, k, C.CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, C.CUDNN_TYPE_KNOB_TYPE, C.int(0)),
			integer(s, k, C.CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, C.CUDNN_TYPE_INT64, int64(0))})
	}
	if s.forgive() || len(knobs) == most {
		return
	}
	s.plan(config, p)
	s.forgive()
}

// plan completes p, a plan of a configuration, and adds it to the plans.
func (s *search) plan(config descriptor, p *Plan) {
	p.device, p.residual = s.device, s.convolution.Residual
	p.name = fmt.Sprintf("eng%d", p.Engine)
	for _, k := range p.knobs {
		p.name += fmt.Sprintf("_k%d=%d", k.kind, k.value)
	}
	if s.err != nil || s.seen[p.name] {
		return
	}
	s.seen[p.name] = true
	attributes := s.device.describe(C.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
		descriptors(C.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config))
	if s.device.handle != nil {
		attributes = append(attributes, newAttribute(C.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, C.CUDNN_TYPE_HANDLE,
			[]descriptor{s.device.handle}))
	}
	plan := s.make(C.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, p.name, attributes...)
	p.Workspace = integer(s, plan, C.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, C.CUDNN_TYPE_INT64, int64(0))
	if s.err == nil && p.Workspace <= s.limits.Workspace {
		p.ptr, p.config = s.keep(plan), s.keep(config)
		s.plans = append(s.plans, p)
	}
}

// integer reads an attribute that is one number, of the type of zero.
func integer[T any](s *search, d descriptor, name, kind C.int, zero T) T {
	value := []T{zero}
	get(&s.maker, d, name, kind, "number", value)
	return value[0]
}

// bits reads a list of notes.
func (s *search) bits(engine descriptor, name, kind C.int) uint {
	notes := make([]C.int, 32)
	n := get(&s.maker, engine, name, kind, "notes", notes)
	var set uint
	for _, v := range notes[:min(n, len(notes))] {
		set |= 1 << v
	}
	return set
}
