// Copies that run beside the threads, and products on tensor cores: each function is an instruction of GPUs from sm_80 on,
// and on the emulator a copy that comes late or something that a warp does together.
//
// Tiles of operands lie in shared memory in rows of 64 bytes: 32 numbers of 16 bits, or 16 floats. A product of a warp takes
// 32 bytes of k at once, which lie alike in registers whatever the type: 16 rows of a by 8 rows of b.
#pragma once
#include "elements.h"
#ifdef EMULATOR
#include "emulator_tensorcore.h"
#else

using Shared = unsigned; // an address in shared memory

DEVICE Shared shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

// copy_async copies bytes, 16 or none, from global memory, and zeros for the rest of 16. Both addresses are multiples of
// 16. What is copied is there only after a wait, and for other threads after a barrier behind it.
DEVICE void copy_async(Shared to, const void *from, int bytes) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

// copy_commit ends a group of copies.
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// copy_wait waits until all but the last N groups of this thread are there.
template <int N> DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// load_matrices loads four matrices of 8 rows of 16 bytes: lane l names row l%8 of matrix l/8, and gets of each matrix
// the four bytes l%4 of row l/4.
DEVICE void load_matrices(unsigned (&r)[4], Shared row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
				 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
				 : "r"(row)
				 : "memory");
}

// multiply adds 16 rows of a times 8 rows of b to sum, of which lane l has, of rows l/4 and l/4 + 8, columns 2·(l%4) and
// the next. floats are multiplied as tf32, to which both must have been rounded.
#define MULTIPLY(T, shape)                                                                                        \
	DEVICE void multiply(float(&sum)[4], const unsigned(&a)[4], const unsigned *b, T) {                           \
		asm volatile("mma.sync.aligned." shape " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
					 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                                     \
					 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                         \
	}
MULTIPLY(float, "m16n8k8.row.col.f32.tf32.tf32.f32")
MULTIPLY(bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
MULTIPLY(f16, "m16n8k16.row.col.f32.f16.f16.f32")
#undef MULTIPLY

// round_tf32 rounds to the 10 bits of fraction that tf32 has, to nearest and between two away from zero.
DEVICE unsigned round_tf32(unsigned x) {
	unsigned r;
	asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(__uint_as_float(x)));
	return r;
}

#endif

// round_operand rounds what load_matrices has loaded to what multiply takes of T.
DEVICE void round_operand(unsigned (&r)[4], float) {
#pragma unroll
	for (int i = 0; i < 4; i++) r[i] = round_tf32(r[i]);
}
template <class T> DEVICE void round_operand(unsigned (&)[4], T) {}
