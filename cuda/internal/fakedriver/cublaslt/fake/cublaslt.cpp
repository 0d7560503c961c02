// A fake libcublasLt.so over the fake driver's memory, for tests without a GPU: products are loops, done in the order of a
// stream's work. It is stricter than the real one: calls without a current context, descriptors that are not there, memory
// that is not the device's, too little alignment or workspace are refused, and everything alive is counted.
//
// It knows two algorithms, as many splits of the depth as their number in CONFIG says. One with splits writes their sums to
// the workspace, as a real one does.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

enum {
	NOT_INITIALIZED = 1,
	INVALID_VALUE = 7,
	EXECUTION_FAILED = 13,
	NOT_SUPPORTED = 15,

	F32 = 0,
	F16 = 2,
	BF16 = 14,

	COMPUTE_32F = 68,
	COMPUTE_PEDANTIC = 69,
	COMPUTE_TF32 = 77,

	FMA = 1,
	HMMA = 2,
	SUMS_32F = 0x200,
	IN_F16 = 0x10000,
	IN_BF16 = 0x20000,
	IN_TF32 = 0x40000,
	IN_F32 = 0x80000,
};

struct Operation { int compute = 0, transposed = 0, epilogue = 1; const float *bias = nullptr; };
struct Layout { int type; uint64_t rows, columns; int64_t ld; };
struct Preference { uint64_t workspace = 0, mask = ~0ull; uint32_t scheme = 7, alignment = 256; };
struct Handle {};
struct Algo { int id, tile, splits, unused; uint64_t flags, rest[5]; };
struct Result { Algo algo; size_t workspace; int state; float waves; int reserved[4]; };
static_assert(sizeof(Algo) == 64 && sizeof(Result) == 96, "sizes of cublasLt.h");

std::mutex lock;
std::set<Operation *> operations;
std::set<Layout *> layouts;
std::set<Preference *> preferences;
std::set<Handle *> handles;
std::map<std::string, int> calls;
std::map<std::string, std::map<int, int>> failures;
std::string fault;
int version = 130401;
int lie; // Lie of cublaslt.go

int (*in_context)(void);
int (*holds)(uint64_t, size_t);
int (*submit)(void *, const void *);
int (*synchronize)(void *);

int refuse(int status, const char *why) {
	fault = why;
	return status;
}

int enter(const char *name) {
	int n = ++calls[name];
	auto &f = failures[name];
	if (auto i = f.find(n); i != f.end()) return i->second;
	if (!in_context()) return refuse(NOT_INITIALIZED, "no context is current");
	return 0;
}

#define ENTER()                               \
	std::lock_guard<std::mutex> locked(lock); \
	if (int status = enter(__func__)) return status

template <class T> bool has(const std::set<T *> &of, const void *p) {
	return of.count(static_cast<T *>(const_cast<void *>(p)));
}

template <class T> int drop(std::set<T *> &of, void *p) {
	auto *t = static_cast<T *>(p);
	if (!of.erase(t)) return refuse(INVALID_VALUE, "destroyed twice");
	delete t;
	return 0;
}

template <class T> int take(T *to, const void *from, size_t n) {
	if (n != sizeof *to) return refuse(INVALID_VALUE, "an attribute of another size");
	memcpy(to, from, n);
	return 0;
}

size_t size_of(int type) { return type == F32 ? 4 : 2; }

float read(uint64_t p, int type, int64_t i) {
	if (type == F32) return reinterpret_cast<float *>(p)[i];
	uint16_t h = reinterpret_cast<uint16_t *>(p)[i];
	uint32_t bits = uint32_t(h) << 16;
	float f;
	if (type == F16) {
		int exponent = h >> 10 & 31, fraction = h & 1023;
		f = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? std::ldexp(1024 + fraction, exponent - 25)
																	: std::ldexp(fraction, -24);
		return h >> 15 ? -f : f;
	}
	memcpy(&f, &bits, 4);
	return f;
}

// rounded returns f with as many significant bits, ties to even.
float rounded(float f, int bits) {
	if (!std::isfinite(f) || f == 0) return f;
	int exponent;
	std::frexp(f, &exponent);
	return std::ldexp(std::nearbyint(std::ldexp(double(f), bits - exponent)), exponent - bits);
}

void write(uint64_t p, int type, int64_t i, float f) {
	if (type == F32) {
		reinterpret_cast<float *>(p)[i] = f;
		return;
	}
	uint16_t h;
	if (type == BF16) {
		f = rounded(f, 8);
		uint32_t bits;
		memcpy(&bits, &f, 4);
		h = bits >> 16;
	} else {
		_Float16 half = _Float16(f);
		memcpy(&h, &half, 2);
	}
	reinterpret_cast<uint16_t *>(p)[i] = h;
}

uint64_t flags_of(const Operation *o, int type) {
	if (type == F16) return HMMA | SUMS_32F | IN_F16;
	if (type == BF16) return HMMA | SUMS_32F | IN_BF16;
	if (o->compute == COMPUTE_TF32) return HMMA | SUMS_32F | IN_TF32;
	return FMA | SUMS_32F | IN_F32;
}

size_t workspace_of(const Algo &a, const Layout *d) { return a.splits > 1 ? 4 * a.splits * d->rows * d->columns : 0; }

bool matches(const Operation *o, const Layout *a, const Layout *b, const Layout *c, const Layout *d) {
	uint64_t m = o->transposed ? a->columns : a->rows, k = o->transposed ? a->rows : a->columns;
	return a->type == b->type && c->type == d->type && (d->type == a->type || d->type == F32) && d->rows == m &&
		   b->rows == k && d->columns == b->columns && c->rows == m && c->columns == d->columns &&
		   a->ld >= int64_t(a->rows) && b->ld >= int64_t(b->rows) && d->ld >= int64_t(m) && c->ld >= int64_t(m) &&
		   (o->compute == COMPUTE_32F || a->type == F32);
}

size_t bytes_of(const Layout *l) { return l->columns ? ((l->columns - 1) * l->ld + l->rows) * size_of(l->type) : 0; }

} // namespace

extern "C" {

size_t cublasLtGetVersion(void) { return version; }
const char *cublasLtGetStatusName(int status) {
	return status == NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_OF_THE_FAKE";
}
const char *cublasLtGetStatusString(int) { return "the fake says no"; }

int cublasLtCreate(void **h) {
	ENTER();
	auto *made = new Handle;
	handles.insert(made);
	*h = made;
	return 0;
}
int cublasLtDestroy(void *h) { ENTER(); return drop(handles, h); }

int cublasLtMatmulDescCreate(void **p, int compute, int scale) {
	ENTER();
	if (scale != F32) return refuse(INVALID_VALUE, "scales that are no float32");
	auto *made = new Operation;
	made->compute = compute;
	operations.insert(made);
	*p = made;
	return 0;
}
int cublasLtMatmulDescDestroy(void *p) { std::lock_guard<std::mutex> locked(lock); return drop(operations, p); }
int cublasLtMatmulDescSetAttribute(void *p, int attribute, const void *v, size_t n) {
	ENTER();
	if (!has(operations, p)) return refuse(INVALID_VALUE, "no operation");
	auto *o = static_cast<Operation *>(p);
	switch (attribute) {
	case 3: return take(&o->transposed, v, n);
	case 7: return take(&o->epilogue, v, n);
	case 8: return take(&o->bias, v, n);
	}
	return refuse(INVALID_VALUE, "an attribute of an operation");
}

int cublasLtMatrixLayoutCreate(void **p, int type, uint64_t rows, uint64_t columns, int64_t ld) {
	ENTER();
	auto *made = new Layout{type, rows, columns, ld};
	layouts.insert(made);
	*p = made;
	return 0;
}
int cublasLtMatrixLayoutDestroy(void *p) { std::lock_guard<std::mutex> locked(lock); return drop(layouts, p); }

int cublasLtMatmulPreferenceCreate(void **p) {
	ENTER();
	auto *made = new Preference;
	preferences.insert(made);
	*p = made;
	return 0;
}
int cublasLtMatmulPreferenceDestroy(void *p) { std::lock_guard<std::mutex> locked(lock); return drop(preferences, p); }
int cublasLtMatmulPreferenceSetAttribute(void *p, int attribute, const void *v, size_t n) {
	ENTER();
	if (!has(preferences, p)) return refuse(INVALID_VALUE, "no preference");
	auto *q = static_cast<Preference *>(p);
	switch (attribute) {
	case 1: return take(&q->workspace, v, n);
	case 3: return take(&q->scheme, v, n);
	case 6: case 7: case 8: return take(&q->alignment, v, n);
	case 12: return take(&q->mask, v, n);
	}
	return refuse(INVALID_VALUE, "an attribute of a preference");
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference, int most,
								   Result *results, int *found) {
	ENTER();
	*found = 0;
	if (!has(handles, handle) || !has(operations, operation) || !has(layouts, a) || !has(layouts, b) || !has(layouts, c) ||
		!has(layouts, d) || !has(preferences, preference))
		return refuse(INVALID_VALUE, "no handle or descriptor");
	auto *o = static_cast<Operation *>(operation);
	auto *q = static_cast<Preference *>(preference);
	auto *la = static_cast<Layout *>(a), *lb = static_cast<Layout *>(b), *lc = static_cast<Layout *>(c),
		 *ld = static_cast<Layout *>(d);
	if (!matches(o, la, lb, lc, ld) || (lie == 6 && o->compute == COMPUTE_PEDANTIC)) return NOT_SUPPORTED;
	for (int i = 0; i < 2 && i < most; i++) {
		Algo algo = {i ? 24 : 21, 20, i ? 3 : 1, 0, flags_of(o, la->type), {}};
		if (lie == 4 && la->type == F32) algo.flags = HMMA | SUMS_32F | IN_TF32;
		if (lie != 4 && (algo.flags & ~q->mask)) continue;
		Result r = {algo, workspace_of(algo, ld), 0, 1, {}};
		if (r.workspace > q->workspace) continue;
		results[(*found)++] = r;
	}
	return *found ? 0 : NOT_SUPPORTED;
}
int cublasLtMatmulAlgoCheck(void *handle, void *operation, void *a, void *b, void *c, void *d, const Algo *algo, Result *result) {
	ENTER();
	if (!has(handles, handle) || !has(operations, operation) || !has(layouts, a) || !has(layouts, b) || !has(layouts, c) ||
		!has(layouts, d))
		return refuse(INVALID_VALUE, "no handle or descriptor");
	auto *ld = static_cast<Layout *>(d);
	if (!matches(static_cast<Operation *>(operation), static_cast<Layout *>(a), static_cast<Layout *>(b),
				 static_cast<Layout *>(c), ld))
		return NOT_SUPPORTED;
	*result = {*algo, workspace_of(*algo, ld), 0, 1, {}};
	return 0;
}
int cublasLtMatmulAlgoCapGetAttribute(const Algo *algo, int attribute, void *v, size_t n, size_t *written) {
	ENTER();
	if (attribute != 15 || n != 8) return refuse(INVALID_VALUE, "a capability");
	memcpy(v, &algo->flags, *written = n);
	return 0;
}
int cublasLtMatmulAlgoConfigGetAttribute(const Algo *algo, int attribute, void *v, size_t n, size_t *written) {
	ENTER();
	if (attribute < 0 || attribute > 2 || n != 4) return refuse(INVALID_VALUE, "a configuration");
	const int values[] = {algo->id, algo->tile, algo->splits};
	memcpy(v, &values[attribute], *written = n);
	return 0;
}

int cublasLtMatmul(void *handle, void *operation, const void *alpha, const void *a, void *la, const void *b, void *lb,
				   const void *beta, const void *c, void *lc, void *d, void *ld, const Algo *algo, void *workspace, size_t bytes,
				   void *stream) {
	ENTER();
	if (!has(handles, handle) || !has(operations, operation) || !has(layouts, la) || !has(layouts, lb) || !has(layouts, lc) ||
		!has(layouts, ld))
		return refuse(INVALID_VALUE, "no handle or descriptor");
	const Operation o = *static_cast<Operation *>(operation);
	const Layout A = *static_cast<Layout *>(la), B = *static_cast<Layout *>(lb), C = *static_cast<Layout *>(lc),
				 D = *static_cast<Layout *>(ld);
	const float scale = *static_cast<const float *>(alpha), add = *static_cast<const float *>(beta);
	const Algo how = *algo;
	const uint64_t pa = uint64_t(a), pb = uint64_t(b), pc = uint64_t(c), pd = uint64_t(d), bias = uint64_t(o.bias),
				   scratch = uint64_t(workspace);
	const size_t need = workspace_of(how, &D);
	if (!matches(&o, &A, &B, &C, &D)) return NOT_SUPPORTED;
	if ((o.epilogue != 4 && o.epilogue != 6) || scale != 1 || (add != 0 && add != 1))
		return refuse(INVALID_VALUE, "an epilogue that is not used");
	if ((pa | pb | pc | pd | bias | scratch) & 15) return refuse(INVALID_VALUE, "an address that is not aligned");
	if (bytes < need || (need && !holds(scratch, need))) return refuse(INVALID_VALUE, "too little workspace");
	if (!holds(pa, bytes_of(&A)) || !holds(pb, bytes_of(&B)) || !holds(pd, bytes_of(&D)) ||
		(add != 0 && !holds(pc, bytes_of(&C))) || !holds(bias, D.rows * size_of(D.type)))
		return refuse(INVALID_VALUE, "memory that is not the device's");
	const int wrong = lie;
	const std::function<int()> work = [=] {
		const int64_t depth = B.rows, each = (depth + how.splits - 1) / how.splits;
		const bool tf32 = A.type == F32 && (o.compute == COMPUTE_TF32 || wrong == 2);
		std::vector<float> column(depth);
		for (uint64_t j = 0; j < D.columns; j++) {
			for (int64_t k = 0; k < depth; k++) {
				float v = read(pb, B.type, j * B.ld + k);
				column[k] = tf32 ? rounded(v, 11) : v;
			}
			for (uint64_t i = 0; i < D.rows; i++) {
				float sum = 0;
				for (int s = 0; s < how.splits; s++) {
					float part = 0;
					for (int64_t k = s * each; k < depth && k < (s + 1) * each; k++) {
						int64_t at = wrong == 7 && D.columns > 100 ? depth - 1 - k : k;
						float v = read(pa, A.type, o.transposed ? i * A.ld + at : at * A.ld + i);
						part += (tf32 ? rounded(v, 11) : v) * column[at];
					}
					if (need) reinterpret_cast<float *>(scratch)[(s * D.columns + j) * D.rows + i] = part;
					sum += part;
				}
				if (add != 0 && wrong != 3) sum += read(pc, C.type, j * C.ld + i);
				sum += read(bias, D.type, i);
				if (o.epilogue == 6) sum = sum < 0 ? 0 : sum;
				if (wrong == 1 && i == 0 && j == D.columns - 1) sum = NAN;
				if (wrong == 5 && j == D.columns - 1) sum = 0;
				write(pd, D.type, j * D.ld + i, sum);
			}
		}
		return 0;
	};
	if (wrong == 8 && synchronize(stream)) return EXECUTION_FAILED;
	return submit(stream, &work) ? EXECUTION_FAILED : 0;
}

// What tests say to the fake and ask it.

void fake_use(void *context, void *memory, void *queue, void *wait) {
	in_context = reinterpret_cast<int (*)(void)>(context);
	holds = reinterpret_cast<int (*)(uint64_t, size_t)>(memory);
	submit = reinterpret_cast<int (*)(void *, const void *)>(queue);
	synchronize = reinterpret_cast<int (*)(void *)>(wait);
}
void fake_fail(const char *function, int n, int status) {
	std::lock_guard<std::mutex> locked(lock);
	failures[function][calls[function] + n] = status;
}
int fake_calls(const char *function) {
	std::lock_guard<std::mutex> locked(lock);
	return calls[function];
}
int fake_alive(void) {
	std::lock_guard<std::mutex> locked(lock);
	return operations.size() + layouts.size() + preferences.size() + handles.size();
}
const char *fake_fault(void) {
	std::lock_guard<std::mutex> locked(lock);
	return fault.c_str();
}
void fake_version(int n) {
	std::lock_guard<std::mutex> locked(lock);
	version = n;
}
void fake_lie(int n) {
	std::lock_guard<std::mutex> locked(lock);
	lie = n;
}

} // extern "C"
