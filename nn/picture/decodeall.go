package picture

import (
	"context"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// DecodeAll reads and decodes n pictures on as many goroutines as the program may use cores (GOMAXPROCS), and yields
// them in order: for each i from 0 to n-1 the picture whose file read(ctx, i) returns, or read's error, or the
// [*DecodeError]. One picture's error leaves the others alone. At most two pictures for each core are ahead of the
// loop, so memory is bounded however slow that is; each picture is one of its own and stays valid.
//
// read is called from several goroutines, and its context ends with ctx or the loop. When ctx ends, what has not been
// read yet has its error. When the loop is left, DecodeAll waits for the calls in progress. If read panics, so does the
// loop, where its picture would come.
func DecodeAll(ctx context.Context, n int, read func(ctx context.Context, i int) ([]byte, error),
	o DecodeOptions) iter.Seq2[*RGB, error] {
	return func(yield func(*RGB, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		workers := max(min(runtime.GOMAXPROCS(0), n), 0)
		ahead := newOrdered(2 * workers)
		var group sync.WaitGroup
		defer group.Wait()
		defer close(ahead.left)
		defer cancel()
		for range workers {
			group.Go(func() {
				d := NewDecoder(o)
				for i := ahead.claim(); i < n; i = ahead.claim() {
					decodeOne(ctx, d, i, read, ahead.slot(i))
				}
			})
		}
		for i := range n {
			r := <-ahead.slot(i)
			<-ahead.room
			if r.panicked != nil {
				panic(r.panicked)
			}
			if !yield(r.picture, r.err) {
				return
			}
		}
	}
}

// decodeOne sends picture i to out, whatever read does.
func decodeOne(ctx context.Context, d *Decoder, i int, read func(context.Context, int) ([]byte, error),
	out chan<- decoded) {
	r := decoded{panicked: "picture: what reads a picture for DecodeAll has ended its goroutine"}
	defer func() {
		if p := recover(); p != nil {
			r.panicked = p
		}
		out <- r
	}()
	r.err = ctx.Err()
	var data []byte
	if r.err == nil {
		data, r.err = read(ctx, i)
	}
	if r.err == nil {
		p := new(RGB)
		if r.err = d.Decode(p, data); r.err == nil {
			r.picture = p
		}
	}
	r.panicked = nil
}

type decoded struct {
	picture  *RGB
	err      error
	panicked any // what read has panicked with, or nil
}

// An ordered hands out numbers from 0 on, and takes a result for each where the one who waits for it finds it.
type ordered struct {
	next  atomic.Int64
	room  chan struct{}  // holds a token for each number that is out
	left  chan struct{}  // is closed when nobody waits any more
	slots []chan decoded // as many as there is room, so no two numbers that are out share one
}

func newOrdered(room int) *ordered {
	o := &ordered{room: make(chan struct{}, room), left: make(chan struct{}), slots: make([]chan decoded, room)}
	for i := range o.slots {
		o.slots[i] = make(chan decoded, 1)
	}
	return o
}

// claim waits for room and returns the next number, or one beyond all others when nobody waits any more.
func (o *ordered) claim() int {
	select {
	case <-o.left:
		return int(^uint(0) >> 1)
	case o.room <- struct{}{}:
		return int(o.next.Add(1) - 1)
	}
}

func (o *ordered) slot(i int) chan decoded { return o.slots[i%len(o.slots)] }
