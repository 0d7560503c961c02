// Tensor cores and copies beside the threads, on the emulator: what tensorcore.h includes in place of instructions.
//
// Between copy_async and the wait for it the 16 bytes are NaN: whoever reads them before, or still, sees that, as he might
// on a GPU. What a warp does together is done when all of it has come.
#pragma once
#include "elements.h"

using Shared = char *;

inline Shared shared_address(const void *p) { return const_cast<char *>(static_cast<const char *>(p)); }

inline void copy_async(Shared to, const void *from, int bytes) {
	if (uintptr_t(to) % 16 || (bytes && uintptr_t(from) % 16)) emulator::fail("a copy that is misaligned");
	memset(to, 0xFF, 16);
	emulator::self->group.push_back({to, static_cast<const char *>(from), unsigned(bytes)});
}

inline void copy_commit() {
	emulator::self->groups.push_back(std::move(emulator::self->group));
	emulator::self->group.clear();
}

template <int N> void copy_wait() {
	for (auto &groups = emulator::self->groups; groups.size() > N; groups.pop_front())
		for (const auto &copy : groups.front()) {
			memset(copy.to, 0, 16);
			memcpy(copy.to, copy.from, copy.n);
		}
}

namespace emulator {

// Operands of a product as floats, of all lanes of a warp. No lane can be further than at the next product while another
// is at this: two are enough.
struct Operands { float a[16][16], b[8][16]; };
inline Operands operands[MAX_THREADS / WARP][2];
inline const char *rows[2][MAX_THREADS];
inline unsigned turns[MAX_THREADS]; // how often a thread has taken part

inline void load_matrices(unsigned (&r)[4], Shared row, const char *where) {
	if (uintptr_t(row) % 16) fail("a row of a matrix that is misaligned at %s", where);
	unsigned turn = turns[self->linear]++ % 2, warp = self->linear - self->lane, lane = self->lane;
	rows[turn][self->linear] = row;
	wait(State::at_warp, where);
	for (unsigned m = 0; m < 4; m++) memcpy(&r[m], rows[turn][warp + m * 8 + lane / 4] + lane % 4 * 4, 4);
}

// spread writes what a register of a fragment holds, columns 4 bytes·lane%4 of 16 bytes.
inline void spread(float *row, unsigned lane, unsigned r, float) {
	if (r & 0x1fff) fail("a float that is not rounded to tf32");
	row[lane % 4] = __uint_as_float(r);
}
template <class T> void spread(float *row, unsigned lane, unsigned r, T) {
	row[lane % 4 * 2] = widen(T{(unsigned short)r});
	row[lane % 4 * 2 + 1] = widen(T{(unsigned short)(r >> 16)});
}

template <class T> void multiply(float (&sum)[4], const unsigned (&a)[4], const unsigned *b, T, const char *where) {
	constexpr unsigned HALF = LANES<T>;
	unsigned turn = turns[self->linear]++ % 2, lane = self->lane, row = lane / 4;
	Operands &o = operands[self->linear / WARP][turn];
	for (unsigned i = 0; i < 4; i++) spread(o.a[row + i % 2 * 8] + i / 2 * HALF, lane, a[i], T());
	for (unsigned i = 0; i < 2; i++) spread(o.b[row] + i * HALF, lane, b[i], T());
	wait(State::at_warp, where);
	for (unsigned i = 0; i < 4; i++) {
		const float *x = o.a[row + i / 2 * 8], *y = o.b[lane % 4 * 2 + i % 2];
		double v = sum[i];
		for (unsigned k = 0; k < 2 * HALF; k++) v += double(x[k]) * y[k];
		sum[i] = float(v);
	}
}

} // namespace emulator

#define load_matrices(r, row) emulator::load_matrices(r, row, EMULATOR_HERE)
#define multiply(sum, a, b, type) emulator::multiply(sum, a, b, type, EMULATOR_HERE)

inline unsigned round_tf32(unsigned x) {
	if ((x & 0x7fffffff) > 0x7f800000) return 0x7fffe000; // NaN
	return (x + 0x1000) & ~0x1fffu;
}
