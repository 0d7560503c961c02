package vision

import (
	"context"
	"runtime"
	"syscall"
	"testing"

	"github.com/argand-go/argand/tensor"
)

// TestTensorLifetime: a tensor over a mapped file that nobody uses after the call must stay mapped while its pixels
// are read. Reading them later ends the program.
func TestTensorLifetime(t *testing.T) {
	d, err := NewDetector(context.Background(), &recorder{}, readKeys(t, "maskrcnn_resnet50_fpn_frozen"))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 5 {
		detectMapped(t, d)
	}
}

// detectMapped takes memory away as a mapping does, once its owner is collected.
func detectMapped(t *testing.T, d *Detector) {
	t.Helper()
	const side = 2000
	type mapping struct{ data []byte }
	data, err := syscall.Mmap(-1, 0, 3*4*side*side, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	owner := &mapping{data}
	runtime.AddCleanup(owner, func(b []byte) { _ = syscall.Munmap(b) }, data)
	x, err := tensor.FromBytes(tensor.Float32, tensor.Shape{3, side, side}, data, owner)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.DetectTensor(context.Background(), x) // what it finds is of no interest: the backend is a recorder
}
