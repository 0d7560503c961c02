package beamio

// loan is a use of a model by a call that may hang. The model is not closed
// before it returns.
type loan struct {
	r          *registry
	e          *entry
	over, late bool // under registry.mu
}

// lend counts a call of an entry that the caller uses.
func (r *registry) lend(e *entry) *loan {
	r.retain(e)
	return &loan{r: r, e: e}
}

// hangs is called when nobody waits for the call any more. Who makes room does
// not either.
func (l *loan) hangs() {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if !l.over {
		l.late = true
		l.e.refs--
		l.e.late++
		l.r.signal()
	}
}

// end is called when the call has returned.
func (l *loan) end() {
	l.r.mu.Lock()
	if l.over = true; !l.late {
		l.r.mu.Unlock()
		l.r.release(l.e, false)
		return
	}
	l.e.late--
	victims := l.e.unused()
	l.r.mu.Unlock()
	closeModels(victims)
}
