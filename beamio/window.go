package beamio

import (
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
)

// unwindowed prepares a collection for a DoFn that keeps elements until later
// ones arrive. What such a DoFn emits gets the window of the element that is
// being processed, or in FinishBundle the global one. So the stage runs in the
// global window, its emitters set timestamps, and restore assigns the windows
// again.
//
// That is exact for fixed windows, where a timestamp has one window. It is not
// for sliding windows, of which an element may be in one by now, nor for
// sessions, which may have been merged: there every example is processed
// alone, inside the call for its element, and Beam keeps its window.
func unwindowed(
	s beam.Scope, col beam.PCollection, set *settings,
) (in beam.PCollection, restore func(beam.PCollection) beam.PCollection) {
	same := func(col beam.PCollection) beam.PCollection { return col }
	ws := col.WindowingStrategy()
	switch ws.Fn.Kind {
	case window.GlobalWindows:
		return col, same
	case window.FixedWindows:
	default:
		set.Alone = true
		return col, same
	}
	opts := []beam.WindowIntoOption{beam.AllowedLateness(time.Duration(ws.AllowedLateness) * time.Millisecond)}
	if ws.Trigger != nil {
		opts = append(opts, beam.Trigger(ws.Trigger))
	}
	switch ws.AccumulationMode {
	case window.Accumulating:
		opts = append(opts, beam.PanesAccumulate())
	case window.Discarding:
		opts = append(opts, beam.PanesDiscard())
	}
	restore = func(col beam.PCollection) beam.PCollection { return beam.WindowInto(s, ws.Fn, col, opts...) }
	return beam.WindowInto(s, window.NewGlobalWindows(), col), restore
}
