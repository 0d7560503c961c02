package jpegvec

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n bytes that end where a page begins that nobody may read or write; or begin where one ends, if first.
func fenced(t *testing.T, n int, first bool) []uint8 {
	t.Helper()
	page := os.Getpagesize()
	size := (n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, at := range []int{0, page + size} {
		if err := syscall.Mprotect(mem[at:at+page], syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if !first {
		at = page + size - n
	}
	return mem[at : at+n : at+n]
}

// TestLoopsStayInside runs every loop on operands that touch forbidden pages, before or behind.
func TestLoopsStayInside(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, tier := range vector(t) {
		for _, first := range []bool{false, true} {
			coefs, quant := fenced(t, 128, first), fenced(t, 128, first)
			fill(r, coefs)
			fill(r, quant)
			tier.Transform(fenced(t, 7*8+8, first), 8, (*[64]int16)(unsafe.Pointer(&coefs[0])),
				(*[64]uint16)(unsafe.Pointer(&quant[0])))
			for n := 1; n <= 100; n++ {
				near, far, cr := fenced(t, n, first), fenced(t, n, first), fenced(t, n, first)
				dst := fenced(t, 2*max(n-2, 0), first)
				tier.UpsampleH2V1(dst, near)
				tier.UpsampleH2V2(dst, near, far)
				tier.Convert(fenced(t, 3*n, first), near, far, cr)
			}
		}
	}
}

// TestFence: one byte too many is seen.
func TestFence(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, first := range []bool{false, true} {
		mem := fenced(t, 100, first)
		beyond := (*uint8)(unsafe.Pointer(uintptr(unsafe.Pointer(&mem[0])) + 100))
		if first {
			beyond = (*uint8)(unsafe.Pointer(uintptr(unsafe.Pointer(&mem[0])) - 1))
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("first %v: a byte beyond can be written", first)
				}
			}()
			*beyond = 1
		}()
	}
}
