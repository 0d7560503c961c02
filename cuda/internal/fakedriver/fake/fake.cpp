// A fake libcuda.so.1 over the host's memory, for tests without a GPU.
//
// It is stricter than a real driver, so that what would be luck there fails here. A stream's work is done only when
// somebody waits for it, so that a result that is read too early, or a buffer that is reused too early, shows. Memory
// comes with 0xCC in it and ends where a page does that nobody may touch. Calls without a current context, copies beyond
// an allocation and handles that are not there are refused. Any call can be told to fail, and everything alive is counted.
// Kernels are run by the emulator, in one of its orders after the other.
//
// Everything is done under one lock: goroutines call from many threads.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION 12090
#endif
#ifndef FAKE_DEVICES
#define FAKE_DEVICES 1
#endif
#ifndef FAKE_MAJOR
#define FAKE_MAJOR 9 // of the compute capability
#endif
#ifndef FAKE_MINOR
#define FAKE_MINOR 0
#endif

namespace {

enum {
	INVALID_VALUE = 1,
	OUT_OF_MEMORY = 2,
	NO_DEVICE = 100,
	INVALID_DEVICE = 101,
	INVALID_IMAGE = 200,
	INVALID_CONTEXT = 201,
	INVALID_HANDLE = 400,
	NOT_FOUND = 500,
	NOT_READY = 600,
	ILLEGAL_ADDRESS = 700,
	CAPTURE_UNSUPPORTED = 900,
	CAPTURE_INVALIDATED = 901,
	CAPTURE_WRONG_THREAD = 908,
};

using Work = std::function<int()>;

struct Context;
struct Graph { std::vector<Work> work; Context *context; };
struct Stream {
	Context *context;
	bool blocking; // waits for the default stream's work, and that for its
	std::deque<Work> queue;
	uint64_t submitted = 0, done = 0;
	std::unique_ptr<Graph> capture;
	int mode = 0;        // of the capture: global, of a thread, relaxed
	std::thread::id by;  // who began it
	bool invalidated = false;
};
struct Event { Context *context; bool timed; Stream *stream = nullptr; uint64_t ticket = 0; double time = -1; };
struct Module { std::string image; Context *context; };
struct Context {
	int device;
	int retained = 0; // 0 for one that is not there, or not any more; it stays allocated, so that its handle is no other's
	Stream *stream = nullptr; // the default one, which stays allocated, too
};
struct Allocation { size_t bytes; Context *context; };

std::mutex lock;
thread_local Context *current;
Context primary[FAKE_DEVICES];
std::set<Context *> contexts; // all that were ever there
int lost;              // the error that every call returns, once there was a fatal one
size_t total = 1 << 30, used;
std::map<uint64_t, Allocation> device; // by address
std::map<void *, Allocation> host;
std::set<Stream *> streams;
std::set<Event *> events;
std::set<Module *> modules;
std::set<Graph *> graphs, executables;
std::map<std::string, int> calls;
std::map<std::string, std::map<int, int>> failures; // by function and number of the call: the code
int broken;                                         // bytes around allocations that were written over
int order = -1;                                     // of the emulator; -1: in turn
unsigned launches;
double now; // the device's clock, in milliseconds
constexpr double kernel_time = 1.5; // that a kernel takes
double library_time = 1; // that a piece of a library's work takes
std::string fault; // what the emulator said last
std::string swapped_kernel; // the kernel whose argument swapped changes places with the next, "" for none
size_t swapped;
int swaps; // how often that made a difference

// enter counts a call and returns the code that it is to fail with.
int enter(const char *name, bool in_context) {
	int n = ++calls[name];
	auto &f = failures[name];
	if (auto i = f.find(n); i != f.end()) {
		int code = i->second;
		if (code >= 700 && code < 720) lost = code;
		return code;
	}
	if (lost) return lost;
	if (in_context && (!current || !current->retained)) return INVALID_CONTEXT;
	return 0;
}

#define ENTER_WHERE(in_context)                        \
	std::lock_guard<std::mutex> locked(lock);          \
	if (int code = enter(__func__, in_context)) return code < 0 ? 0 : code
#define ENTER() ENTER_WHERE(true)
#define ENTER_ANYWHERE() ENTER_WHERE(false)

// find returns the allocation that an address is in.
std::map<uint64_t, Allocation>::iterator find(uint64_t p) {
	auto i = device.upper_bound(p);
	if (i == device.begin() || (--i, p >= i->first + i->second.bytes)) return device.end();
	return i;
}

bool inside(uint64_t p, size_t n) {
	auto i = find(p);
	return i != device.end() && n <= i->first + i->second.bytes - p;
}

// pinned returns whether memory of the host's is the driver's own.
bool pinned(const void *p, size_t n) {
	auto i = host.upper_bound(const_cast<void *>(p));
	return i != host.begin() && (--i, static_cast<const char *>(p) + n <= static_cast<char *>(i->first) + i->second.bytes);
}

// stream_of returns the stream that a handle is, nullptr for none: 0 is the default stream of the current context.
Stream *stream_of(void *p) {
	if (!p) {
		if (!current->stream) current->stream = new Stream{current, true};
		return current->stream;
	}
	auto *s = static_cast<Stream *>(p);
	return streams.count(s) ? s : nullptr;
}

void fatal(int code) { lost = code; }

// drain does a stream's work up to a ticket.
int drain(Stream *s, uint64_t ticket) {
	while (s->done < ticket && !s->queue.empty()) {
		Work w = std::move(s->queue.front());
		s->queue.pop_front();
		s->done++;
		if (int code = w()) {
			fatal(code);
			return code;
		}
	}
	return lost;
}

// drain_where does the work of some streams of the current context.
template <class F> int drain_where(F which) {
	if (Stream *s = current->stream)
		if (int code = drain(s, s->submitted)) return code;
	for (Stream *s : streams)
		if (s->context == current && which(s))
			if (int code = drain(s, s->submitted)) return code;
	return 0;
}
int drain_all() {
	return drain_where([](Stream *) { return true; });
}
// drain_default does what the default stream waits for: its own work and that of streams that were not made otherwise.
int drain_default() {
	return drain_where([](Stream *s) { return s->blocking; });
}

int submit(void *stream, Work w) {
	Stream *s = stream_of(stream);
	if (!s || s->context != current) return INVALID_HANDLE;
	if (s->invalidated) return CAPTURE_INVALIDATED;
	if (s->capture) {
		s->capture->work.push_back(std::move(w));
		return 0;
	}
	s->queue.push_back(std::move(w));
	s->submitted++;
	return 0;
}

// waits refuses what cannot be done while a stream is captured.
int waits(Stream *s) {
	if (!s->capture) return 0;
	s->invalidated = true;
	return CAPTURE_UNSUPPORTED;
}

// disturbs refuses what may not be done while others capture, unless they are relaxed about it, and ends their captures.
int disturbs() {
	bool any = false;
	for (Stream *s : streams)
		if (s->capture && (s->mode == 0 || (s->mode == 1 && s->by == std::this_thread::get_id()))) any = s->invalidated = true;
	return any ? CAPTURE_UNSUPPORTED : 0;
}

// release frees an allocation, looks at what is around it, and returns the next.
std::map<uint64_t, Allocation>::iterator release(std::map<uint64_t, Allocation>::iterator i) {
	size_t page = sysconf(_SC_PAGESIZE), n = i->second.bytes, pages = (n + page - 1) / page * page;
	auto *at = reinterpret_cast<unsigned char *>(i->first), *end = at + (n + 15) / 16 * 16;
	for (auto *b = end - pages; b < end; b++) broken += (b < at || b >= at + n) && *b != 0xFD;
	munmap(end - pages - page, pages + 2 * page);
	used -= n;
	return device.erase(i);
}

template <class T> int drop(std::set<T *> &of, void *p) {
	auto *t = static_cast<T *>(p);
	if (!of.erase(t)) return INVALID_HANDLE;
	delete t;
	return 0;
}

} // namespace

extern "C" {

int cuInit(unsigned) { ENTER_ANYWHERE(); return 0; }
int cuDriverGetVersion(int *v) { ENTER_ANYWHERE(); *v = FAKE_VERSION; return 0; }

int cuGetErrorName(int code, const char **s) {
	switch (code) {
	case INVALID_VALUE: *s = "CUDA_ERROR_INVALID_VALUE"; return 0;
	case OUT_OF_MEMORY: *s = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;
	case NO_DEVICE: *s = "CUDA_ERROR_NO_DEVICE"; return 0;
	case INVALID_IMAGE: *s = "CUDA_ERROR_INVALID_IMAGE"; return 0;
	case INVALID_CONTEXT: *s = "CUDA_ERROR_INVALID_CONTEXT"; return 0;
	case INVALID_HANDLE: *s = "CUDA_ERROR_INVALID_HANDLE"; return 0;
	case NOT_FOUND: *s = "CUDA_ERROR_NOT_FOUND"; return 0;
	case ILLEGAL_ADDRESS: *s = "CUDA_ERROR_ILLEGAL_ADDRESS"; return 0;
	}
	return INVALID_VALUE;
}

int cuGetErrorString(int code, const char **s) {
	switch (code) {
	case OUT_OF_MEMORY: *s = "out of memory"; return 0;
	case NO_DEVICE: *s = "no CUDA-capable device is detected"; return 0;
	case ILLEGAL_ADDRESS: *s = "an illegal memory access was encountered"; return 0;
	}
	return INVALID_VALUE;
}

int cuDeviceGetCount(int *n) { ENTER_ANYWHERE(); *n = FAKE_DEVICES; return 0; }
int cuDeviceGet(int *d, int i) { ENTER_ANYWHERE(); *d = i; return i >= 0 && i < FAKE_DEVICES ? 0 : INVALID_DEVICE; }
int cuDeviceGetName(char *s, int n, int) { ENTER_ANYWHERE(); snprintf(s, n, "a GPU that is not there"); return 0; }
int cuDeviceTotalMem_v2(size_t *n, int) { ENTER_ANYWHERE(); *n = total; return 0; }
int cuDeviceGetUuid_v2(void *u, int) { ENTER_ANYWHERE(); memset(u, 0xAB, 16); return 0; }

int cuDeviceGetAttribute(int *v, int attribute, int) {
	ENTER_ANYWHERE();
	switch (attribute) {
	case 16: *v = 4; return 0;       // multiprocessors
	case 75: *v = FAKE_MAJOR; return 0; // capability
	case 76: *v = FAKE_MINOR; return 0;
	case 97: *v = 227 << 10; return 0; // shared memory that a block may ask for
	}
	return INVALID_VALUE;
}

int cuDevicePrimaryCtxRetain(void **c, int d) {
	ENTER_ANYWHERE();
	Context *p = &primary[d];
	p->device = d;
	p->retained++;
	contexts.insert(p);
	*c = p;
	return 0;
}
int cuDevicePrimaryCtxRelease_v2(int d) {
	ENTER_ANYWHERE();
	if (!primary[d].retained) return INVALID_CONTEXT;
	primary[d].retained--;
	return 0;
}
int cuCtxCreate_v2(void **c, unsigned, int d) {
	ENTER_ANYWHERE();
	if (d < 0 || d >= FAKE_DEVICES) return INVALID_DEVICE;
	current = new Context{d, 1};
	contexts.insert(current);
	*c = current;
	return 0;
}
// What is in a context goes with it.
int cuCtxDestroy_v2(void *p) {
	ENTER_ANYWHERE();
	auto *c = static_cast<Context *>(p);
	if (!contexts.count(c) || !c->retained) return INVALID_CONTEXT;
	c->retained = 0;
	if (c->stream) c->stream->queue.clear();
	auto drop_all = [c](auto &of) {
		for (auto i = of.begin(); i != of.end();) {
			auto *t = *i;
			if (t->context != c) {
				++i;
				continue;
			}
			i = of.erase(i);
			delete t;
		}
	};
	for (Event *e : events)
		if (e->stream && e->stream->context == c) e->stream = nullptr;
	for (auto i = device.begin(); i != device.end();) i = i->second.context == c ? release(i) : std::next(i);
	drop_all(streams);
	drop_all(events);
	drop_all(modules);
	drop_all(executables);
	for (auto i = host.begin(); i != host.end();) {
		if (i->second.context != c) {
			++i;
			continue;
		}
		free(i->first);
		i = host.erase(i);
	}
	return 0;
}
int cuCtxSetCurrent(void *p) {
	ENTER_ANYWHERE();
	auto *c = static_cast<Context *>(p);
	if (c && (!contexts.count(c) || !c->retained)) return INVALID_CONTEXT;
	current = c;
	return 0;
}
int cuCtxGetCurrent(void **c) { ENTER_ANYWHERE(); *c = current; return 0; }
int cuCtxGetDevice(int *d) { ENTER(); *d = current->device; return 0; }
int cuCtxSynchronize(void) { ENTER(); return drain_all(); }
int cuMemGetInfo_v2(size_t *available, size_t *all) { ENTER(); *available = total - used; *all = total; return 0; }

int cuMemAlloc_v2(uint64_t *p, size_t n) {
	ENTER();
	if (int code = disturbs()) return code;
	if (n == 0) return INVALID_VALUE;
	if (n > total - used) return OUT_OF_MEMORY;
	size_t page = sysconf(_SC_PAGESIZE), pages = (n + page - 1) / page * page;
	auto *block = static_cast<unsigned char *>(
		mmap(nullptr, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (block == MAP_FAILED || mprotect(block + page, pages, PROT_READ | PROT_WRITE)) return OUT_OF_MEMORY;
	size_t rounded = (n + 15) / 16 * 16;
	auto *at = block + page + pages - rounded;
	memset(block + page, 0xFD, pages);
	memset(at, 0xCC, n);
	*p = reinterpret_cast<uint64_t>(at);
	device[*p] = {n, current};
	used += n;
	return 0;
}

int cuMemFree_v2(uint64_t p) {
	ENTER();
	auto i = device.find(p);
	if (i == device.end()) return INVALID_VALUE;
	if (int code = disturbs()) return code;
	int code = drain_all();
	release(i);
	return code;
}

int cuPointerGetAttributes(unsigned n, int *attributes, void **values, uint64_t p) {
	ENTER();
	auto i = find(p);
	bool known = i != device.end();
	for (unsigned k = 0; k < n; k++) {
		switch (attributes[k]) {
		case 1: *static_cast<Context **>(values[k]) = known ? i->second.context : nullptr; break;
		case 2: *static_cast<unsigned *>(values[k]) = known ? 2 : 0; break; // memory of a device
		case 8: *static_cast<unsigned *>(values[k]) = 0; break;             // managed
		case 9: *static_cast<int *>(values[k]) = known ? i->second.context->device : -2; break;
		case 11: *static_cast<uint64_t *>(values[k]) = known ? i->first : 0; break;
		case 12: *static_cast<size_t *>(values[k]) = known ? i->second.bytes : 0; break;
		default: return INVALID_VALUE;
		}
	}
	return 0;
}

int cuMemHostAlloc(void **p, size_t n, unsigned) {
	ENTER();
	if (int code = disturbs()) return code;
	*p = malloc(n);
	memset(*p, 0xCC, n);
	host[*p] = {n, current};
	return 0;
}
int cuMemFreeHost(void *p) {
	ENTER();
	if (!host.count(p)) return INVALID_VALUE;
	int code = drain_all(); // as a real driver does, which has to unmap the memory
	host.erase(p);
	free(p);
	return code;
}

// Copies from memory that is not the driver's own are taken at once, as a real driver does; the others are not.
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t n, void *stream) {
	ENTER();
	if (!inside(to, n)) return INVALID_VALUE;
	if (pinned(from, n)) return submit(stream, [=] { memcpy(reinterpret_cast<void *>(to), from, n); return 0; });
	if (Stream *s = stream_of(stream))
		if (int code = waits(s)) return code;
	std::vector<char> copy(static_cast<const char *>(from), static_cast<const char *>(from) + n);
	return submit(stream, [to, copy] { memcpy(reinterpret_cast<void *>(to), copy.data(), copy.size()); return 0; });
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *stream) {
	ENTER();
	if (!inside(from, n)) return INVALID_VALUE;
	if (Stream *s = stream_of(stream); s && !pinned(to, n))
		if (int code = waits(s)) return code;
	return submit(stream, [=] { memcpy(to, reinterpret_cast<void *>(from), n); return 0; });
}
// These wait, as they do with memory of a program's own.
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t n) {
	ENTER();
	if (!inside(to, n)) return INVALID_VALUE;
	if (int code = drain_default()) return code;
	memcpy(reinterpret_cast<void *>(to), from, n);
	return 0;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t n) {
	ENTER();
	if (!inside(from, n)) return INVALID_VALUE;
	if (int code = drain_default()) return code;
	memcpy(to, reinterpret_cast<void *>(from), n);
	return 0;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t n, void *stream) {
	ENTER();
	if (!inside(to, n) || !inside(from, n)) return INVALID_VALUE;
	return submit(stream, [=] { memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), n); return 0; });
}
int cuMemsetD8Async(uint64_t to, unsigned char v, size_t n, void *stream) {
	ENTER();
	if (!inside(to, n)) return INVALID_VALUE;
	return submit(stream, [=] {
		now += kernel_time; // a kernel does it
		memset(reinterpret_cast<void *>(to), v, n);
		return 0;
	});
}

int cuStreamCreate(void **s, unsigned flags) {
	ENTER();
	auto *made = new Stream{current, !(flags & 1)};
	streams.insert(made);
	*s = made;
	return 0;
}
int cuStreamDestroy_v2(void *p) {
	ENTER();
	auto *s = static_cast<Stream *>(p);
	if (!streams.count(s)) return INVALID_HANDLE;
	int code = drain(s, s->submitted);
	for (Event *e : events)
		if (e->stream == s) e->stream = nullptr;
	drop(streams, p);
	return code;
}
int cuStreamGetCtx(void *p, void **c) {
	ENTER();
	Stream *s = stream_of(p);
	if (!s) return INVALID_HANDLE;
	*c = s->context;
	return 0;
}
int cuStreamIsCapturing(void *p, int *status) {
	ENTER();
	Stream *s = stream_of(p);
	if (!s) return INVALID_HANDLE;
	*status = s->invalidated ? 2 : s->capture ? 1 : 0;
	return 0;
}
int cuStreamSynchronize(void *p) {
	ENTER();
	Stream *s = stream_of(p);
	if (!s) return INVALID_HANDLE;
	if (int code = waits(s)) return code;
	return drain(s, s->submitted);
}
// A query does one piece of work, so that asking for long enough is waiting.
int cuStreamQuery(void *p) {
	ENTER();
	Stream *s = stream_of(p);
	if (!s) return INVALID_HANDLE;
	if (int code = waits(s)) return code;
	if (int code = drain(s, s->done + 1)) return code;
	return s->done < s->submitted ? NOT_READY : 0;
}
int cuStreamWaitEvent(void *p, void *event, unsigned) {
	ENTER();
	auto *e = static_cast<Event *>(event);
	if (!events.count(e)) return INVALID_HANDLE;
	Stream *of = e->stream;
	uint64_t ticket = e->ticket;
	bool stays = of && of == of->context->stream; // the default stream does
	return submit(p, [=] { return stays || streams.count(of) ? drain(of, ticket) : 0; });
}
int cuStreamBeginCapture_v2(void *p, int mode) {
	ENTER();
	auto *s = static_cast<Stream *>(p);
	if (!streams.count(s)) return INVALID_HANDLE;
	if (s->capture) return CAPTURE_UNSUPPORTED;
	s->capture = std::make_unique<Graph>();
	s->capture->context = current;
	s->mode = mode;
	s->by = std::this_thread::get_id();
	return 0;
}
int cuStreamEndCapture(void *p, void **graph) {
	ENTER();
	auto *s = static_cast<Stream *>(p);
	if (!streams.count(s) || !s->capture) return INVALID_HANDLE;
	if (s->mode != 2 && s->by != std::this_thread::get_id()) return CAPTURE_WRONG_THREAD;
	Graph *g = s->capture.release();
	bool invalidated = s->invalidated;
	s->invalidated = false;
	if (invalidated) {
		delete g;
		*graph = nullptr;
		return CAPTURE_INVALIDATED;
	}
	graphs.insert(g);
	*graph = g;
	return 0;
}

int cuEventCreate(void **e, unsigned flags) {
	ENTER();
	auto *made = new Event{current, !(flags & 2)};
	events.insert(made);
	*e = made;
	return 0;
}
int cuEventDestroy_v2(void *e) { ENTER(); return drop(events, e); }
int cuEventRecord(void *event, void *stream) {
	ENTER();
	auto *e = static_cast<Event *>(event);
	if (!events.count(e) || e->context != current) return INVALID_HANDLE;
	int code = submit(stream, [e] {
		if (events.count(e)) e->time = now;
		return 0;
	});
	if (code) return code;
	e->stream = stream_of(stream);
	e->ticket = e->stream->submitted;
	return 0;
}
int cuEventQuery(void *event) {
	ENTER();
	auto *e = static_cast<Event *>(event);
	if (!events.count(e)) return INVALID_HANDLE;
	return e->stream && e->stream->done < e->ticket ? NOT_READY : 0;
}
int cuEventSynchronize(void *event) {
	ENTER();
	auto *e = static_cast<Event *>(event);
	if (!events.count(e)) return INVALID_HANDLE;
	return e->stream ? drain(e->stream, e->ticket) : 0;
}
int cuEventElapsedTime(float *ms, void *begin, void *end) {
	ENTER();
	auto *b = static_cast<Event *>(begin), *e = static_cast<Event *>(end);
	if (!events.count(b) || !events.count(e) || !b->timed || !e->timed) return INVALID_HANDLE;
	if ((b->stream && b->stream->done < b->ticket) || (e->stream && e->stream->done < e->ticket)) return NOT_READY;
	if (b->time < 0 || e->time < 0) return INVALID_HANDLE; // never recorded
	*ms = e->time - b->time;
	return 0;
}

int cuModuleLoadDataEx(void **m, const void *image, unsigned n, int *options, void **values) {
	ENTER();
	std::string text(static_cast<const char *>(image), 4);
	if (text != "fake" && text != "\177ELF" && text != "//\n/") {
		for (unsigned i = 0; i < n; i++)
			if (options[i] == 5) snprintf(static_cast<char *>(values[i]), 64, "line 1: not an image of the fake driver's");
		return INVALID_IMAGE;
	}
	auto *made = new Module{text, current};
	modules.insert(made);
	*m = made;
	return 0;
}
int cuModuleUnload(void *m) { ENTER(); return drop(modules, m); }
int cuModuleGetFunction(void **f, void *m, const char *name) {
	ENTER();
	if (!modules.count(static_cast<Module *>(m))) return INVALID_HANDLE;
	for (Kernel &k : kernels())
		if (!strcmp(k.name, name)) {
			*f = &k;
			return 0;
		}
	return NOT_FOUND;
}
int cuFuncSetAttribute(void *, int, int v) { ENTER(); return v > 227 << 10 ? INVALID_VALUE : 0; }
#ifndef FAKE_WITHOUT_PARAMETERS
int cuFuncGetParamInfo(void *f, size_t i, size_t *offset, size_t *bytes) {
	ENTER();
	auto *k = static_cast<Kernel *>(f);
	if (i >= k->sizes.size()) return INVALID_VALUE;
	*offset = 8 * i;
	*bytes = k->sizes[i];
	return 0;
}
#endif
int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
				   void *stream, void **p, void **) {
	ENTER();
	auto *k = static_cast<Kernel *>(f);
	if (uint64_t(bx) * by * bz > 1024 || bz > 64 || !gx || !gy || !gz || gx > 0x7fffffff || gy > 0xffff || gz > 0xffff ||
		shared > 227 << 10)
		return INVALID_VALUE;
	auto arguments = std::make_shared<std::vector<uint64_t>>(k->sizes.size()); // a driver takes them at the launch, too
	for (size_t i = 0; i < k->sizes.size(); i++) memcpy(&(*arguments)[i], p[i], k->sizes[i]);
	if (k->name == swapped_kernel && swapped + 1 < k->sizes.size() && k->sizes[swapped] == k->sizes[swapped + 1]) {
		auto &one = (*arguments)[swapped], &next = (*arguments)[swapped + 1];
		swaps += one != next;
		std::swap(one, next);
	}
	return submit(stream, [=] {
		const unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
		int how = order < 0 ? launches++ % ORDERS : order;
		now += kernel_time;
		std::string said = emulate(*k, grid, block, shared, how, arguments->data());
		if (said.empty()) return 0;
		fault = std::string(k->name) + ": " + said;
		return int(ILLEGAL_ADDRESS);
	});
}

#ifndef FAKE_WITHOUT_GRAPHS
int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) {
	ENTER();
	auto *g = static_cast<Graph *>(graph);
	if (!graphs.count(g)) return INVALID_HANDLE;
	auto *made = new Graph(*g);
	executables.insert(made);
	*executable = made;
	return 0;
}
int cuGraphLaunch(void *executable, void *stream) {
	ENTER();
	auto *g = static_cast<Graph *>(executable);
	if (!executables.count(g)) return INVALID_HANDLE;
	return submit(stream, [work = g->work] { // which may be destroyed before its work is done
		for (const Work &w : work)
			if (int code = w()) return code;
		return 0;
	});
}
int cuGraphExecDestroy(void *executable) { ENTER(); return drop(executables, executable); }
int cuGraphDestroy(void *graph) { ENTER(); return drop(graphs, graph); }
int cuGraphGetNodes(void *graph, void **, size_t *n) {
	ENTER();
	auto *g = static_cast<Graph *>(graph);
	if (!graphs.count(g)) return INVALID_HANDLE;
	*n = g->work.size();
	return 0;
}
#endif

// What fakes of the libraries that work with a driver ask of it.

// Whether the calling thread has a context.
int fake_in_context(void) {
	std::lock_guard<std::mutex> locked(lock);
	return current && current->retained;
}
// Whether n bytes from p are in one allocation.
int fake_holds(uint64_t p, size_t n) {
	std::lock_guard<std::mutex> locked(lock);
	return inside(p, n);
}
// Submits work, a std::function<int()>, as a kernel would be; it may not call the driver.
int fake_submit(void *stream, const void *work) {
	std::lock_guard<std::mutex> locked(lock);
	return lost ? lost : submit(stream, [work = *static_cast<const Work *>(work)] {
		now += library_time;
		return work();
	});
}

// What tests say to the fake and ask it.

// How long a piece of a library's work takes; a kernel takes 1.5.
void fake_library_time(double ms) {
	std::lock_guard<std::mutex> locked(lock);
	library_time = ms;
}

// The n-th call of a function from now on, counted from 1, returns code; with a negative one it does nothing, and says
// that all is well.
void fake_fail(const char *function, int n, int code) {
	std::lock_guard<std::mutex> locked(lock);
	failures[function][calls[function] + n] = code;
}
// From now on argument n of a kernel, counted from 0, and the next change places, if they are equally large.
void fake_swap(const char *kernel, int n) {
	std::lock_guard<std::mutex> locked(lock);
	swapped_kernel = kernel;
	swapped = n;
	swaps = 0;
}
// How many launches that has changed.
int fake_swaps(void) {
	std::lock_guard<std::mutex> locked(lock);
	return swaps;
}
int fake_calls(const char *function) {
	std::lock_guard<std::mutex> locked(lock);
	return calls[function];
}
void fake_memory(size_t bytes) {
	std::lock_guard<std::mutex> locked(lock);
	total = bytes;
}
// How much is alive: contexts, allocations of both kinds, and handles.
int fake_alive(void) {
	std::lock_guard<std::mutex> locked(lock);
	int n = 0;
	for (Context *c : contexts) n += c->retained;
	return n + device.size() + host.size() + streams.size() + events.size() + modules.size() +
		   graphs.size() + executables.size();
}
// What a kernel did wrong, "" if none did.
const char *fake_fault(void) {
	std::lock_guard<std::mutex> locked(lock);
	return fault.c_str();
}
// The order that kernels' threads run in, -1 for all in turn.
void fake_order(int n) {
	std::lock_guard<std::mutex> locked(lock);
	order = n;
}
int fake_broken_guards(void) {
	std::lock_guard<std::mutex> locked(lock);
	return broken;
}

} // extern "C"
