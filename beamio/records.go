package beamio

// record is what is remembered of a model, whether it is loaded or not.
type record struct {
	sizes sizer
	calls late // of Infer
	steps late // of Prepare

	// Under registry.mu.
	bytes int64
	used  int64 // when last
}

const (
	// So many calls of a model may hang before it is given up.
	maxHungCalls = 4
	maxHungSteps = 64
	// So many models are remembered, besides those that are loaded or hang.
	maxRecords = 512
)

// recordOf returns the record of a key.
func (r *registry) recordOf(key string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uses++
	rec, ok := r.records[key]
	if ok {
		rec.used = r.uses
		return rec
	}
	if r.records == nil {
		r.records = make(map[string]*record)
	}
	rec = &record{used: r.uses}
	r.records[key] = rec
	r.forgetOldest()
	return rec
}

// forgetOldest drops the record that was not used for longest, if there are too
// many: a stream may name checkpoints without end. It is called under r.mu.
func (r *registry) forgetOldest() {
	if len(r.records) <= maxRecords {
		return
	}
	oldest := ""
	for key, rec := range r.records {
		if r.entries[key] == nil && rec.calls.n.Load()+rec.steps.n.Load() == 0 &&
			(oldest == "" || rec.used < r.records[oldest].used) {
			oldest = key
		}
	}
	delete(r.records, oldest)
}

// forget drops the record of a key that will not be asked for again.
func (r *registry) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.records, key)
}
