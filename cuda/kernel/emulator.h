// Runs CUDA kernels on a CPU, for tests: what device.h includes instead of the compiler's own when EMULATOR is defined.
//
// A block runs at a time, and of it a thread at a time, each on a stack of its own, until it waits at a barrier or for its
// warp. Which thread goes next is up to the order: a barrier that is missing shows in one of them, which is why tests run
// kernels in all. Shared memory is full of NaN when a block begins. Waiting at different barriers, or leaving a warp
// waiting, is an error that names the places; so is a copy that is misaligned, and an address outside of all memory.
// What it does not see: races between blocks, bank conflicts, and the rounding inside tensor cores.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <vector>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(from, bytes)
#endif

#define __host__
#define __device__
#define __global__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned((n) < 64 ? (n) : 64))) // beyond that the end is not guarded
// The linker knows where a section begins and ends, so that it can be filled. No static of a template may be in one. Each
// source has its own, SHARED_MEMORY, so that its blocks need not fill the others'.
#define __shared__ static __attribute__((section(EMULATOR_TEXT(SHARED_MEMORY))))

struct uint3 { unsigned x, y, z; };
struct dim3 {
	unsigned x, y, z;
	constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };

namespace emulator {

constexpr unsigned WARP = 32, MAX_THREADS = 1024;
constexpr size_t STACK = 64 << 10;

enum class State { ready, at_barrier, at_warp, done };

// Order says which thread runs next.
enum Order {
	forward,          // 0, 1, 2 …, each to its next wait
	backward,         // the other way round
	shuffled,         // at random, another way at each wait
	warps_forward,    // a warp alone until all of it waits at a barrier, then the next warp
	warps_backward,   // from the last warp
	ORDERS
};

struct Thread {
	jmp_buf at;
	ucontext_t start;
	bool started;
	State state;
	const char *where; // it waits
	uint3 index;
	unsigned lane, linear;
	uint64_t slot; // what it shows its warp
	const void *shown;
	struct Copy { char *to; const char *from; unsigned n; };
	std::vector<Copy> group;             // asynchronous copies since the last commit
	std::deque<std::vector<Copy>> groups; // committed and not waited for
};

inline Thread threads[MAX_THREADS];
inline char *stacks;
inline jmp_buf scheduler;
inline Thread *self;
inline dim3 grid, block;
inline uint3 block_index;
inline std::vector<char> dynamic_shared;
inline const std::function<void()> *kernel;
inline std::string error;
inline sigjmp_buf fault;
inline thread_local volatile bool faults; // this thread is running a kernel
inline uint32_t random_state;

inline uint32_t random() {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	return random_state ^= random_state << 5;
}

// fail notes the first error. The kernel is ended at the thread's next wait, or at its end.
inline void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
inline void fail(const char *format, ...) {
	if (!error.empty()) return;
	char text[300];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	error = text;
}

inline void wait(State state, const char *where) {
	self->state = state;
	self->where = where;
	if (!_setjmp(self->at)) _longjmp(scheduler, 1);
}

// begin runs one kernel after the other: threads stay for the next block, as making a stack is a call of the system.
inline void begin() {
	for (;;) {
		(*kernel)();
		wait(State::done, nullptr);
	}
}

// resume runs a thread until it waits or is done.
inline void resume(Thread &t) {
	self = &t;
	if (_setjmp(scheduler)) return;
	if (t.started) _longjmp(t.at, 1);
	t.started = true;
	getcontext(&t.start);
	t.start.uc_stack.ss_sp = stacks + (&t - threads) * STACK;
	t.start.uc_stack.ss_size = STACK;
	t.start.uc_link = nullptr;
	makecontext(&t.start, begin, 0);
	setcontext(&t.start);
}

// poison fills shared memory with NaN, and the gaps between its arrays, too, which a sanitizer would not let memset do.
__attribute__((no_sanitize("address"))) inline void poison(char *from, char *to) {
	while (from < to) *from++ = char(0xFF);
}

// release lets the warps go on of which all threads wait for each other. A thread that is done waits for nobody.
inline bool release_warps(unsigned from, unsigned to) {
	bool released = false;
	for (unsigned w = from; w < to; w += WARP) {
		unsigned end = w + WARP < to ? w + WARP : to;
		const char *where = nullptr;
		bool all = true;
		for (unsigned i = w; i < end; i++) {
			Thread &t = threads[i];
			if (t.state == State::at_warp) {
				if (where && where != t.where) fail("a warp waits at %s and at %s", where, t.where);
				where = t.where;
			} else if (t.state != State::done) all = false;
		}
		if (!where || !all) continue;
		for (unsigned i = w; i < end; i++)
			if (threads[i].state == State::at_warp) threads[i].state = State::ready;
		released = true;
	}
	return released;
}

// run_some runs the ready ones of threads once each, and reports whether there were any.
inline bool run_some(unsigned from, unsigned to, Order order) {
	unsigned n = to - from, begin = order == shuffled ? random() % n : 0, step = 1;
	if (order == shuffled) do step = 1 + random() % n; while (n % 2 == 0 && step % 2 == 0); // odd: visits all of a power of 2
	bool ran = false;
	for (unsigned k = 0; k < n; k++) {
		unsigned i = order == backward || order == warps_backward ? to - 1 - k : from + (begin + uint64_t(k) * step) % n;
		if (threads[i].state != State::ready) continue;
		ran = true;
		resume(threads[i]);
	}
	return ran;
}

inline void run_block(Order order) {
	unsigned n = block.x * block.y * block.z;
	for (unsigned i = 0; i < n; i++) {
		Thread &t = threads[i];
		t.state = State::ready;
		t.linear = i;
		t.lane = i % WARP;
		t.index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
		t.group.clear();
		t.groups.clear();
	}
	while (error.empty()) {
		if (order == warps_forward || order == warps_backward)
			for (unsigned k = 0; k < n; k += WARP) {
				unsigned w = order == warps_forward ? k : (n - 1) / WARP * WARP - k, end = w + WARP < n ? w + WARP : n;
				while (error.empty() && (run_some(w, end, order) || release_warps(w, end))) {}
			}
		else
			while (error.empty() && (run_some(0, n, order) || release_warps(0, n))) {}
		const char *where = nullptr;
		unsigned waiting = 0;
		for (unsigned i = 0; i < n; i++) {
			Thread &t = threads[i];
			if (t.state == State::at_warp) fail("not all of a warp comes to %s", t.where);
			if (t.state != State::at_barrier) continue;
			if (where && where != t.where) fail("a block waits at %s and at %s", where, t.where);
			where = t.where;
			waiting++;
		}
		if (!waiting) {
			for (unsigned i = 0; i < n; i++) {
				bool late = !threads[i].group.empty();
				for (const auto &group : threads[i].groups) late |= !group.empty();
				if (late) fail("block (%u, %u, %u) ends before its copies", block_index.x, block_index.y, block_index.z);
			}
			return;
		}
		for (unsigned i = 0; i < n; i++)
			if (threads[i].state == State::at_barrier) threads[i].state = State::ready;
	}
}

// The handlers that were there, for faults that are not a kernel's.
inline struct sigaction others[2];

inline void on_fault(int signal, siginfo_t *info, void *context) {
	if (faults) {
		fail("block (%u, %u, %u), thread (%u, %u, %u): an access to %p, which is nobody's memory", block_index.x,
			 block_index.y, block_index.z, self->index.x, self->index.y, self->index.z, info->si_addr);
		siglongjmp(fault, 1);
	}
	struct sigaction &other = others[signal == SIGBUS];
	if (other.sa_flags & SA_SIGINFO) other.sa_sigaction(signal, info, context);
	else if (other.sa_handler == SIG_DFL || other.sa_handler == SIG_IGN) {
		sigaction(signal, &other, nullptr); // and again, in its own way
	} else other.sa_handler(signal);
}

// run runs a kernel's threads, with static shared memory at an address up to another and bytes of dynamic shared memory,
// and returns what it did wrong, "" if nothing was seen. It is for one thread of the host's at a time.
inline std::string run(dim3 blocks, dim3 size, char *from, char *to, size_t shared, Order order,
					   const std::function<void()> &f) {
	grid = blocks;
	block = size;
	kernel = &f;
	error.clear();
	random_state = 2463534242u;
	if (!stacks)
		stacks = static_cast<char *>(mmap(nullptr, MAX_THREADS * STACK, PROT_READ | PROT_WRITE,
										  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	if (size_t(size.x) * size.y * size.z > MAX_THREADS) return "too many threads in a block";
	struct sigaction ours = {};
	ours.sa_sigaction = on_fault;
	ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaction(SIGSEGV, &ours, &others[0]);
	sigaction(SIGBUS, &ours, &others[1]);
	faults = true;
	if (!sigsetjmp(fault, 1))
		for (unsigned z = 0; z < grid.z; z++)
			for (unsigned y = 0; y < grid.y; y++)
				for (unsigned x = 0; x < grid.x && error.empty(); x++) {
					block_index = {x, y, z};
					poison(from, to);
					dynamic_shared.assign(shared + 128, char(0xFF));
					run_block(order);
				}
	faults = false;
	if (!error.empty()) { // some are within the kernel
		for (Thread &t : threads) t.started = false;
		ASAN_UNPOISON_MEMORY_REGION(stacks, MAX_THREADS * STACK);
	}
	sigaction(SIGSEGV, &others[0], nullptr);
	sigaction(SIGBUS, &others[1], nullptr);
	return error;
}

// shuffle returns what a lane of the warp shows. Lanes beyond the block's end show nothing of use, as on a GPU.
template <class T> T shuffle(T v, unsigned lane, const char *where) {
	static_assert(sizeof(T) <= 8, "a register pair");
	memcpy(&self->slot, &v, sizeof v);
	wait(State::at_warp, where);
	T of;
	memcpy(&of, &threads[self->linear - self->lane + lane % WARP].slot, sizeof of);
	wait(State::at_warp, where);
	return of;
}

inline unsigned ballot(bool p, const char *where) {
	self->slot = p;
	wait(State::at_warp, where);
	unsigned votes = 0, n = block.x * block.y * block.z;
	for (unsigned l = 0; l < WARP; l++) {
		unsigned i = self->linear - self->lane + l;
		if (i < n && threads[i].state != State::done && threads[i].slot) votes |= 1u << l;
	}
	wait(State::at_warp, where);
	return votes;
}

} // namespace emulator

#define EMULATOR_TEXT_(x) #x
#define EMULATOR_TEXT(x) EMULATOR_TEXT_(x)
#define EMULATOR_HERE __FILE__ ":" EMULATOR_TEXT(__LINE__)

#define threadIdx (emulator::self->index)
#define blockIdx (emulator::block_index)
#define blockDim (emulator::block)
#define gridDim (emulator::grid)

#define __syncthreads() emulator::wait(emulator::State::at_barrier, EMULATOR_HERE)
#define __syncwarp() emulator::wait(emulator::State::at_warp, EMULATOR_HERE)
#define __shfl_sync(mask, v, lane) emulator::shuffle((v), (lane), EMULATOR_HERE)
#define __shfl_xor_sync(mask, v, bits) emulator::shuffle((v), emulator::self->lane ^ (bits), EMULATOR_HERE)
#define __shfl_up_sync(mask, v, n) \
	emulator::shuffle((v), emulator::self->lane < (n) ? emulator::self->lane : emulator::self->lane - (n), EMULATOR_HERE)
#define __ballot_sync(mask, p) emulator::ballot((p), EMULATOR_HERE)

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffsll(unsigned long long x) { return __builtin_ffsll(x); }
inline unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
inline float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }

template <class T> T atomicAdd(T *p, T v) { T old = *p; *p = old + v; return old; }
template <class T> T atomicMax(T *p, T v) { T old = *p; if (v > old) *p = v; return old; }
template <class T> T atomicOr(T *p, T v) { T old = *p; *p = old | v; return old; }
