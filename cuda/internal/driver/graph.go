//go:build linux && cgo && !nocuda

package driver

// #include "driver.h"
import "C"

import (
	"errors"
	"unsafe"
)

// Graph is work that was recorded from a stream, and is submitted as a whole.
type Graph struct {
	handle
	Nodes int // kernels, copies and so on in it
}

// Capture records what f submits to the stream, instead of doing it. f must not
// wait. When f fails its error is returned.
func (s *Stream) Capture(f func() error) (*Graph, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	c := s.ctx
	if err := c.check("cuStreamBeginCapture_v2", C.ag_capture_begin(c.lib.c, c.ptr, s.ptr)); err != nil {
		return nil, err
	}
	err := f()
	var graph unsafe.Pointer
	ended := c.check("cuStreamEndCapture", C.ag_capture_end(c.lib.c, c.ptr, s.ptr, &graph))
	if err == nil {
		err = ended
	}
	g := new(Graph)
	if err == nil {
		var nodes C.size_t
		code := C.ag_graph_instantiate(c.lib.c, c.ptr, &g.ptr, graph, &nodes)
		err = c.check("cuGraphInstantiateWithFlags", code)
		g.Nodes = int(nodes)
	}
	if graph != nil {
		destroyed := c.check("cuGraphDestroy", C.ag_graph_destroy(c.lib.c, c.ptr, graph))
		err = errors.Join(err, destroyed)
	}
	if err != nil {
		if g.ptr != nil {
			C.ag_graph_executable_destroy(c.lib.c, c.ptr, g.ptr)
		}
		return nil, err
	}
	g.begin(c)
	return g, nil
}

// Launch submits the graph's work to a stream.
func (g *Graph) Launch(s *Stream) error {
	if err := g.usable(); err != nil {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	return g.ctx.check("cuGraphLaunch", C.ag_graph_launch(g.ctx.lib.c, g.ctx.ptr, g.ptr, s.ptr))
}

// Close frees the graph, whose work must be done.
func (g *Graph) Close() error {
	if !g.end() {
		return nil
	}
	code := C.ag_graph_executable_destroy(g.ctx.lib.c, g.ctx.ptr, g.ptr)
	return g.ctx.check("cuGraphExecDestroy", code)
}
