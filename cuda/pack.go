//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A packJob is a matrix or a vector, and where it goes.
type packJob struct {
	matrix    *matrix
	vector    []float64
	precision op.Precision // of the numbers
	count     int          // of them
	offset    int64        // among the weights
}

// size returns how many bytes it has.
func (j *packJob) size() int { return elementOf(j.precision).size() * j.count }

// packBatch is how many bytes go to the device at once, more if one matrix has
// more: enough that a copy is faster than its beginning.
const packBatch = 8 << 20

// pack returns a buffer of the device's with all that was placed. Batches are
// packed by all cores, one while the one before it is on its way to the device.
func (p *packer) pack(ctx context.Context, c *driver.Context) (buffer *driver.Buffer, err error) {
	batches, most := p.batches()
	lanes := make([]packLane, min(2, len(batches)))
	stream, err := c.NewStream()
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, stream.Sync())
		for i := range lanes {
			err = errors.Join(err, lanes[i].close())
		}
		if err = errors.Join(err, stream.Close()); err != nil && buffer != nil {
			err = errors.Join(err, buffer.Close())
			buffer = nil
		}
	}()
	if buffer, err = c.Alloc(p.bytes); err != nil {
		return nil, err
	}
	for i := range lanes {
		if err := lanes[i].open(c, most); err != nil {
			return buffer, err
		}
	}
	for i, jobs := range batches {
		lane := &lanes[i%len(lanes)]
		if i >= len(lanes) { // its last batch may be on its way yet
			if err := lane.sent.Sync(); err != nil {
				return buffer, err
			}
		}
		first := jobs[0].offset
		last := &jobs[len(jobs)-1]
		n := last.offset + int64(last.size()) - first
		if err := packAll(ctx, jobs, lane.host.Bytes()[:n]); err != nil {
			return buffer, err
		}
		err := errors.Join(stream.UploadHost(buffer, first, lane.host, 0, n), stream.Record(lane.sent))
		if err != nil {
			return buffer, err
		}
	}
	return buffer, ctx.Err()
}

// batches returns the jobs in groups, and the bytes of the largest.
func (p *packer) batches() (list [][]packJob, most int64) {
	for first := 0; first < len(p.jobs); {
		end := first + 1
		from := p.jobs[first].offset
		for end < len(p.jobs) && p.jobs[end].offset+int64(p.jobs[end].size())-from <= packBatch {
			end++
		}
		last := &p.jobs[end-1]
		most = max(most, last.offset+int64(last.size())-from)
		list = append(list, p.jobs[first:end])
		first = end
	}
	return list, most
}

// A packLane is memory that batches are packed in, and that the device reads.
type packLane struct {
	host *driver.HostBuffer
	sent *driver.Event // behind the copy
}

func (l *packLane) open(c *driver.Context, bytes int64) (err error) {
	if l.host, err = c.AllocHost(bytes); err != nil {
		return err
	}
	l.sent, err = c.NewEvent(false)
	return err
}

func (l *packLane) close() error {
	var errs []error
	if l.host != nil {
		errs = append(errs, l.host.Close())
	}
	if l.sent != nil {
		errs = append(errs, l.sent.Close())
	}
	return errors.Join(errs...)
}

// packUnit is how many numbers a core packs before it looks for more.
const packUnit = 1 << 16

// packAll packs jobs into memory that begins at the first one's offset.
func packAll(ctx context.Context, jobs []packJob, memory []byte) error {
	clear(memory)
	type unit struct {
		job        *packJob
		numbers    func() ([]float32, error) // of the tensor, read once
		first, end int                       // output channels
	}
	var units []unit
	for i := range jobs {
		j := &jobs[i]
		if j.matrix == nil {
			units = append(units, unit{job: j})
			continue
		}
		numbers := sync.OnceValues(j.matrix.tensor.Float32s)
		each := round(packUnit/max(len(j.matrix.taps)*j.matrix.rows, 1)+1, 16)
		for first := 0; first < j.matrix.channels; first += each {
			units = append(units, unit{j, numbers, first, min(first+each, j.matrix.channels)})
		}
	}
	var next atomic.Int64
	errs := make([]error, min(runtime.GOMAXPROCS(0), len(units)))
	var wait sync.WaitGroup
	for w := range errs {
		wait.Go(func() {
			for errs[w] = ctx.Err(); errs[w] == nil; errs[w] = ctx.Err() {
				i := int(next.Add(1)) - 1
				if i >= len(units) {
					return
				}
				u := &units[i]
				var v []float32
				if u.numbers != nil {
					if v, errs[w] = u.numbers(); errs[w] != nil {
						return
					}
				}
				u.job.pack(memory[u.job.offset-jobs[0].offset:][:u.job.size()], v, u.first, u.end)
			}
		})
	}
	wait.Wait()
	runtime.KeepAlive(jobs) // what numbers returned may be memory of its tensors
	return errors.Join(errs...)
}

// pack writes a vector, or the output channels from first to end of a matrix,
// whose tensor has the numbers v, over zeros.
func (j *packJob) pack(memory []byte, v []float32, first, end int) {
	switch j.precision {
	case op.BFloat16:
		packAs(j, elementsOf[tensor.BHalf](memory, j.count), tensor.BHalfOf, v, first, end)
	case op.Float16:
		packAs(j, elementsOf[tensor.Half](memory, j.count), tensor.HalfOf, v, first, end)
	case op.TensorFloat32:
		packAs(j, elementsOf[float32](memory, j.count), tf32, v, first, end)
	default:
		packAs(j, elementsOf[float32](memory, j.count), func(x float32) float32 { return x }, v, first, end)
	}
}

// elementsOf returns memory as numbers.
func elementsOf[T any](memory []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(memory))), n)
}

// tf32 returns x rounded to 11 significant bits, of two as near numbers the
// greater in size, as the instruction cvt.rna.tf32.f32 does.
func tf32(x float32) float32 {
	if x != x {
		return x
	}
	return math.Float32frombits((math.Float32bits(x) + 1<<12) &^ (1<<13 - 1))
}

func packAs[T any](j *packJob, dst []T, round func(float32) T, v []float32, first, end int) {
	m := j.matrix
	if m == nil {
		for i, x := range j.vector {
			dst[i] = round(float32(x))
		}
		return
	}
	number := func(o, c, tap int) T {
		x := v[o*m.out+c*m.in+tap]
		if m.scale != nil {
			x = float32(m.scale[o] * float64(x))
		}
		return round(x)
	}
	if m.outputRows {
		for o := first; o < end; o++ {
			for t, tap := range m.taps {
				row := dst[(o*len(m.taps)+t)*m.rows:][:m.depth]
				for c := range row {
					row[c] = number(o, c, tap)
				}
			}
		}
		return
	}
	const block = 16 // columns at once: a cache line of dst
	for ; first < end; first += block {
		for c := range m.depth {
			for t, tap := range m.taps {
				row := dst[(t*m.rows+c)*m.columns:][:m.columns]
				for o := first; o < min(first+block, end); o++ {
					row[o] = number(o, c, tap)
				}
			}
		}
	}
}
