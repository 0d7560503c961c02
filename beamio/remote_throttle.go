package beamio

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// throttle is client-side throttling as in "Site Reliability Engineering",
// chapter 21, "Handling Overload": requests are held back with probability
//
//	p = max(0, (all − K·ok) / (all + 1)), K = 2
//
// where all counts the requests that ended in the last ten seconds and ok those
// that succeeded: those in flight have not failed, however slow the model is. A
// request that is held back asks again after about a second. Unlike
// in the book it is not counted again then, so that while a server is down p
// falls as earlier failures pass out of sight, and a request every few seconds
// finds out when it is up.
//
// The zero throttle is ready.
type throttle struct {
	lost atomic.Int64 // nanoseconds that requests were held back, or waited because the server was overloaded
	told atomic.Int64 // milliseconds of these that were counted

	mu   sync.Mutex
	past [throttleBuckets]struct{ second, all, ok int64 }
}

const (
	throttleBuckets = 10 // of a second each
	throttleDelay   = time.Second
	overloadRatio   = 2 // Python's default
)

// wait holds a request back while need be.
func (t *throttle) wait(ctx context.Context) error {
	for t.p() > rand.Float64() {
		pause := throttleDelay/2 + rand.N(throttleDelay)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		t.lost.Add(int64(pause))
	}
	return ctx.Err()
}

// count counts requests that have ended, and of these the ones that the server
// was up to.
func (t *throttle) count(all, ok int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	second := time.Now().Unix()
	b := &t.past[second%throttleBuckets]
	if b.second != second {
		b.second, b.all, b.ok = second, 0, 0
	}
	b.all += all
	b.ok += ok
}

// p returns the probability that a request is held back now.
func (t *throttle) p() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all, ok int64
	for _, b := range t.past {
		if time.Now().Unix()-b.second < throttleBuckets {
			all += b.all
			ok += b.ok
		}
	}
	return max(0, float64(all-overloadRatio*ok)/float64(all+1))
}

// throttled is a model that may have to wait for its server.
type throttled interface {
	// takeLost returns the time lost since it was last asked, in
	// milliseconds, and in seconds, whose fractions it keeps.
	takeLost() (millis, seconds int64)
}

func (t *throttle) takeLost() (millis, seconds int64) {
	millis = t.lost.Swap(0) / int64(time.Millisecond)
	told := t.told.Add(millis)
	return millis, told/1000 - (told-millis)/1000
}

func (c *remoteClient) takeLost() (millis, seconds int64) { return c.throttle.takeLost() }

func (s *Steps[E, T, P]) takeLost() (millis, seconds int64) {
	if t, ok := s.Network.(throttled); ok {
		return t.takeLost()
	}
	return 0, 0
}

// throttled counts what models have lost, under the names by which runners know it.
func (m *meters) throttled(ctx context.Context, e *entry) {
	for _, model := range e.copies {
		t, ok := model.(throttled)
		if !ok {
			continue
		}
		millis, seconds := t.takeLost()
		add(ctx, beam.NewCounter(m.namespace, "cumulativeThrottlingSeconds"), seconds)
		add(ctx, beam.NewCounter("beam-throttling-metrics", "throttling-msecs"), millis)
	}
}
