package beamio

import (
	"context"
	"fmt"
)

// routes say which model an example goes to.
type routes[E, P any] struct {
	main    *recipe[E, P]            // of the transform's own handler
	cohorts *cohorts[E, P]           // for PerKey
	watch   *watch[E, P]             // for WithModelWatch
	updated map[string]*recipe[E, P] // by path, for WithModelUpdates
}

func newRoutes[E, P any](main *recipe[E, P], set *settings) (routes[E, P], error) {
	r := routes[E, P]{main: main, updated: make(map[string]*recipe[E, P])}
	var err error
	if c, ok := main.handler.(interface {
		cohorts(*settings) (*cohorts[E, P], error)
	}); ok {
		r.cohorts, err = c.cohorts(set)
	}
	if set.WatchGlob != "" {
		r.watch = watchOf(main, set)
	}
	return r, err
}

// maxPaths is how many recipes of updated checkpoints an instance remembers.
const maxPaths = 64

// route returns the recipe for an example, and notes in the example what its
// batches must know, or that it has no model.
func (rs *routes[E, P]) route(ctx context.Context, it *item[E, P], set *settings) (*recipe[E, P], error) {
	r := rs.main
	switch {
	case rs.cohorts != nil:
		if r = rs.cohorts.of(it.key); r == nil {
			it.fail(StageRoute, fmt.Errorf("no model for the key %v", it.key))
			return rs.main, nil
		}
	case rs.watch != nil:
		v, err := rs.watch.get(ctx)
		if err != nil {
			return nil, err
		}
		r = v.recipe
	case it.path != "":
		var known bool
		if r, known = rs.updated[it.path]; !known {
			var err error
			r, err = guarded(func() (*recipe[E, P], error) { return rs.main.at(it.path, "", set) })
			if err != nil {
				it.fail(StageLoad, err)
				return rs.main, nil
			}
			if r.update = true; len(rs.updated) >= maxPaths {
				clear(rs.updated)
			}
			rs.updated[it.path] = r
		}
	}
	_, err := guarded(func() (any, error) {
		if r.bucket != nil {
			it.bucket = r.bucket(it.example)
		}
		if r.weight != nil {
			it.weight = max(r.weight(it.example), 0)
		}
		return nil, nil
	})
	if err != nil {
		it.fail(StageRoute, err)
	}
	return r, nil
}

// holds reports whether bundles hold models, and so can prepare ahead. If models
// have to make room only their batches use them: a bundle that holds a model
// might wait for another that waits for the first.
func (rs *routes[E, P]) holds(set *settings) bool { return rs.watch != nil || !set.limited() }

// hold returns the model of a recipe, or of a newer one.
func (rs *routes[E, P]) hold(ctx context.Context, r *recipe[E, P], set *settings) (*recipe[E, P], *entry, error) {
	if rs.watch == nil {
		e, err := models.acquire(ctx, r.want(set, true))
		return r, e, err
	}
	v, err := rs.watch.take(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	return v.recipe, v.entry, nil
}

// tell counts what happened besides batches.
func (rs *routes[E, P]) tell(ctx context.Context, m *meters) {
	if rs.watch != nil {
		m.updated(ctx, rs.watch.updates.Swap(0), rs.watch.failures.Swap(0))
	}
}
