// A fake libcudnn.so.9 for tests without a GPU: descriptors, heuristics, plans and their execution for the one graph
//
//	y = relu(conv(x, w) + residual + bias)
//
// It is stricter than cuDNN, which lets much pass that is not in its documentation. An attribute must be one that the
// descriptor has, of its type and as many, and set before the descriptor is made final; what it refers to must be
// there, final and of the right kind; all that is required must be set. Handles need a context that is current, and
// tensors must lie in the driver's memory. Any call can be told to fail, and everything alive is counted.
//
// The numbers are from cudnn_graph.h of cuDNN 9.26.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

enum {
	NOT_INITIALIZED = 1001,
	BAD_PARAM = 2000,
	BAD_PARAM_NULL_POINTER = 2002,
	BAD_PARAM_MISALIGNED_POINTER = 2003,
	BAD_PARAM_NOT_FINALIZED = 2004,
	BAD_PARAM_SIZE_INSUFFICIENT = 2006,
	BAD_PARAM_SHAPE_MISMATCH = 2008,
	BAD_PARAM_DUPLICATED_ENTRIES = 2009,
	BAD_PARAM_ATTRIBUTE_TYPE = 2010,
	BAD_PARAM_DESCRIPTOR_TYPE = 2012,
	NOT_SUPPORTED = 3000,
	NOT_SUPPORTED_SHAPE = 3002,
	EXECUTION_FAILED_CUDA_DRIVER = 5001,
};

enum Type { HANDLE, DATA_TYPE, BOOLEAN, INT64, FLOAT, VOID_PTR = 6, CONVOLUTION_MODE, HEUR_MODE, KNOB_TYPE,
			NUMERICAL_NOTE = 11, POINTWISE_MODE = 14, DESCRIPTOR, BEHAVIOR_NOTE = 19, CHAR = 24 };
enum Kind { POINTWISE, CONVOLUTION, ENGINE, ENGINECFG, ENGINEHEUR, PLAN, KNOB_CHOICE = 7, OPERATION_CONVOLUTION = 10,
			OPERATION_POINTWISE = 13, GRAPH = 15, PACK, TENSOR, DEVICEPROP = 38 };
enum { DATA_FLOAT = 0, DATA_HALF = 2, DATA_BFLOAT16 = 9 };
enum {
	NOTE_TENSOR_CORE, NOTE_DOWN_CONVERT, NOTE_REDUCED, NOTE_FFT, NOTE_NONDETERMINISTIC, NOTE_WINOGRAD,
	NOTE_STRICT_NAN = 9,
};

struct Attribute {
	int name;
	Type type;
	int least, most; // how many values; with least 0 it need not be set
	int kind = -1;   // of the descriptors that it refers to
};

const std::map<Kind, std::vector<Attribute>> attributes = {
	{POINTWISE, {{0, POINTWISE_MODE, 1, 1}, {1, DATA_TYPE, 1, 1}}},
	{CONVOLUTION,
	 {{100, DATA_TYPE, 1, 1}, {101, CONVOLUTION_MODE, 1, 1}, {102, INT64, 2, 2}, {103, INT64, 2, 2}, {104, INT64, 2, 2},
	  {105, INT64, 2, 2}, {106, INT64, 1, 1}}},
	{ENGINE, {{1300, DESCRIPTOR, 1, 1, GRAPH}, {1301, INT64, 1, 1}, {1307, DESCRIPTOR, 0, 1, DEVICEPROP}}},
	{ENGINECFG, {{300, DESCRIPTOR, 1, 1, ENGINE}, {302, DESCRIPTOR, 0, 32, KNOB_CHOICE}}},
	{ENGINEHEUR, {{200, HEUR_MODE, 1, 1}, {201, DESCRIPTOR, 1, 1, GRAPH}, {204, DESCRIPTOR, 0, 1, DEVICEPROP}}},
	{PLAN, {{400, HANDLE, 0, 1}, {401, DESCRIPTOR, 1, 1, ENGINECFG}, {407, DESCRIPTOR, 0, 1, DEVICEPROP}}},
	{KNOB_CHOICE, {{600, KNOB_TYPE, 1, 1}, {601, INT64, 1, 1}}},
	{OPERATION_CONVOLUTION,
	 {{700, FLOAT, 1, 1}, {701, FLOAT, 1, 1}, {702, DESCRIPTOR, 1, 1, CONVOLUTION}, {703, DESCRIPTOR, 1, 1, TENSOR},
	  {704, DESCRIPTOR, 1, 1, TENSOR}, {705, DESCRIPTOR, 1, 1, TENSOR}}},
	{OPERATION_POINTWISE,
	 {{750, DESCRIPTOR, 1, 1, POINTWISE}, {751, DESCRIPTOR, 1, 1, TENSOR}, {752, DESCRIPTOR, 0, 1, TENSOR},
	  {753, DESCRIPTOR, 1, 1, TENSOR}}},
	{GRAPH, {{800, HANDLE, 0, 1}, {801, DESCRIPTOR, 1, 16}}},
	{PACK, {{1000, INT64, 1, 16}, {1001, VOID_PTR, 1, 16}, {1003, VOID_PTR, 1, 1}}},
	{TENSOR,
	 {{900, INT64, 1, 1}, {901, DATA_TYPE, 1, 1}, {902, INT64, 4, 4}, {903, INT64, 4, 4}, {906, INT64, 1, 1},
	  {907, BOOLEAN, 0, 1}}},
	{DEVICEPROP, {{2702, CHAR, 1, 1 << 16}}},
};

size_t size_of(Type t) {
	switch (t) {
	case HANDLE: case INT64: case VOID_PTR: case DESCRIPTOR: return 8;
	case BOOLEAN: case CHAR: return 1;
	default: return 4;
	}
}

// An engine is one way to compute. Those with knobs have a configuration for each of their values.
struct Engine {
	int index;
	bool floats, halves; // the types that it is for
	int note, behavior;  // -1 for none
	std::vector<int> splits; // the values of its knob 28: how many sums an element is the sum of, but see workspace
	bool fallback;
};
const std::vector<Engine> engines = {
	{51, true, false, NOTE_TENSOR_CORE, -1, {1, 4}, false},
	{24, true, true, NOTE_DOWN_CONVERT, -1, {}, false},
	{26, true, true, NOTE_WINOGRAD, -1, {}, false},
	{27, true, true, NOTE_FFT, -1, {}, false},
	{29, true, true, NOTE_NONDETERMINISTIC, -1, {}, false},
	{33, true, true, NOTE_REDUCED, -1, {}, false},
	{34, true, true, 12, -1, {}, false}, // a note of a later version
	{35, true, true, -1, 0, {}, false},  // it would compile itself
	{41, false, true, NOTE_TENSOR_CORE, -1, {1, 4}, false},
	{44, true, false, -1, -1, {1, 2}, false},
	{11, true, true, -1, -1, {}, false},
	{0, true, true, NOTE_STRICT_NAN, -1, {}, true},
};

struct Descriptor;
using Ref = std::shared_ptr<Descriptor>;

struct Tensor {
	int64_t id = 0, dims[4] = {}; // n, c, h, w
	int type = 0;
	bool between = false;
	int64_t count() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
};

// A problem is a graph as it was understood: the tensors, and how the convolution goes.
struct Problem {
	bool known = false; // whether it is the graph that there are engines for
	Tensor x, w, y, residual, bias;
	bool has_residual = false, relu = false;
	int64_t stride[2] = {}, padding[2] = {}, dilation[2] = {};
	bool device = false; // whether it has a handle
};

struct Descriptor {
	Kind kind;
	bool final = false;
	std::map<int, std::vector<uint8_t>> values;
	std::map<int, std::vector<Ref>> refs;
	Problem problem;       // of graphs, and of what is made of them
	int engine = 0;        // index among engines
	int64_t splits = 1, workspace = 0;
	std::vector<Ref> configs;

	template <class T> const T *get(int name) const { return reinterpret_cast<const T *>(values.at(name).data()); }
	bool has(int name) const { return values.count(name) || refs.count(name); }
	const Descriptor &ref(int name, size_t i = 0) const { return *refs.at(name)[i]; }
};

struct Handle { void *stream = nullptr; };

std::mutex lock;
std::map<void *, Ref> descriptors;
std::set<Handle *> handles;
std::map<std::string, int> calls;
std::map<std::string, std::map<int, int>> failures; // by function and number of the call: the status
std::map<int, int> ran;                             // runs by engine
thread_local std::string last;

size_t version = 92600;
int (*in_context)();
int (*holds)(uint64_t, size_t);
int (*submit)(void *, const void *);

int fail(int status, std::string why) {
	last = std::move(why);
	return status;
}

int enter(const char *name) {
	int n = ++calls[name];
	auto &f = failures[name];
	if (auto i = f.find(n); i != f.end()) return fail(i->second, "it was told to fail");
	return 0;
}

#define ENTER()                               \
	std::lock_guard<std::mutex> locked(lock); \
	if (int status = enter(__func__)) return status

Ref find(void *p) {
	auto i = descriptors.find(p);
	return i == descriptors.end() ? nullptr : i->second;
}

const Attribute *attribute(Kind k, int name) {
	for (const Attribute &a : attributes.at(k))
		if (a.name == name) return &a;
	return nullptr;
}

size_t element(int type) { return type == DATA_FLOAT ? 4 : 2; }

Tensor tensor(const Descriptor &d) {
	Tensor t;
	t.id = *d.get<int64_t>(906);
	t.type = *d.get<int>(901);
	memcpy(t.dims, d.get<int64_t>(902), sizeof t.dims);
	t.between = d.has(907) && *d.get<bool>(907);
	return t;
}

bool same_dims(const Tensor &a, const Tensor &b) { return !memcmp(a.dims, b.dims, sizeof a.dims); }

// finish_… check what is made final.

int finish_tensor(const Descriptor &d) {
	int type = *d.get<int>(901);
	if (type != DATA_FLOAT && type != DATA_HALF && type != DATA_BFLOAT16) return fail(NOT_SUPPORTED, "the type");
	auto *dims = d.get<int64_t>(902), *strides = d.get<int64_t>(903);
	for (int i = 0; i < 4; i++)
		if (dims[i] < 1 || strides[i] < 1) return fail(BAD_PARAM, "a dimension or a stride is not positive");
	if (*d.get<int64_t>(900) % element(type)) return fail(BAD_PARAM, "alignment");
	int64_t n = dims[1];
	const int64_t want[] = {dims[1] * dims[2] * dims[3], 1, n * dims[3], n}; // n, c, h, w
	if (memcmp(strides, want, sizeof want)) return fail(NOT_SUPPORTED, "channels are not last, or there are gaps");
	return 0;
}

int finish_convolution(const Descriptor &d) {
	const Descriptor &how = d.ref(702);
	Tensor x = tensor(d.ref(704)), w = tensor(d.ref(703)), y = tensor(d.ref(705));
	if (*d.get<float>(700) != 1 || *d.get<float>(701) != 0) return fail(NOT_SUPPORTED, "alpha and beta are not 1 and 0");
	if (*how.get<int>(100) != DATA_FLOAT || *how.get<int>(101) != 1 || *how.get<int64_t>(106) != 2)
		return fail(NOT_SUPPORTED, "a convolution that is not faked");
	if (memcmp(how.get<int64_t>(104), how.get<int64_t>(105), 16)) return fail(NOT_SUPPORTED, "two paddings");
	if (x.dims[0] != y.dims[0] || x.dims[1] != w.dims[1] || y.dims[1] != w.dims[0] || x.type != w.type)
		return fail(BAD_PARAM_SHAPE_MISMATCH, "x, w and y do not belong together");
	for (int i = 0; i < 2; i++) {
		int64_t s = how.get<int64_t>(103)[i], p = how.get<int64_t>(104)[i], l = how.get<int64_t>(102)[i];
		if (s < 1 || p < 0 || l < 1) return fail(BAD_PARAM, "stride, padding or dilation");
		if ((x.dims[2 + i] + 2 * p - l * (w.dims[2 + i] - 1) - 1) / s + 1 != y.dims[2 + i])
			return fail(BAD_PARAM_SHAPE_MISMATCH, "the size of y");
	}
	return 0;
}

int finish_pointwise(const Descriptor &d) {
	int mode = *d.ref(750).get<int>(0);
	if (*d.ref(750).get<int>(1) != DATA_FLOAT) return fail(NOT_SUPPORTED, "precision");
	if (!same_dims(tensor(d.ref(751)), tensor(d.ref(753)))) return fail(BAD_PARAM_SHAPE_MISMATCH, "x and y");
	if (mode == 100) return d.has(752) ? fail(BAD_PARAM, "a ReLU has one operand") : 0;
	if (mode != 0) return fail(NOT_SUPPORTED, "an operation that is not faked");
	if (!d.has(752)) return fail(BAD_PARAM, "an addition has two operands");
	Tensor b = tensor(d.ref(752)), y = tensor(d.ref(753));
	for (int i = 0; i < 4; i++)
		if (b.dims[i] != 1 && b.dims[i] != y.dims[i]) return fail(BAD_PARAM_SHAPE_MISMATCH, "the second operand");
	return 0;
}

// finish_graph looks whether the graph is the one that there are engines for.
int finish_graph(Descriptor &d) {
	const auto &list = d.refs.at(801);
	Problem &p = d.problem;
	p.device = d.has(800);
	if (p.device && !handles.count(*d.get<Handle *>(800))) return fail(BAD_PARAM, "no such handle");
	std::set<int64_t> ids;
	std::set<const Descriptor *> seen;
	auto once = [&](const Descriptor &t) { return !seen.insert(&t).second || ids.insert(tensor(t).id).second; };
	for (const Ref &o : list) {
		if (o->kind != OPERATION_CONVOLUTION && o->kind != OPERATION_POINTWISE)
			return fail(BAD_PARAM_DESCRIPTOR_TYPE, "no operation");
		for (auto &[name, refs] : o->refs)
			if (refs[0]->kind == TENSOR && !once(*refs[0]))
				return fail(BAD_PARAM_DUPLICATED_ENTRIES, "two tensors with one identifier");
	}
	if (list[0]->kind != OPERATION_CONVOLUTION) return 0;
	const Descriptor &c = *list[0], &how = c.ref(702);
	p.x = tensor(c.ref(704)), p.w = tensor(c.ref(703)), p.y = tensor(c.ref(705));
	memcpy(p.stride, how.get<int64_t>(103), 16), memcpy(p.padding, how.get<int64_t>(104), 16);
	memcpy(p.dilation, how.get<int64_t>(102), 16);
	std::vector<Tensor> added;
	for (size_t i = 1; i < list.size(); i++) {
		const Descriptor &o = *list[i];
		if (o.kind != OPERATION_POINTWISE || tensor(o.ref(751)).id != p.y.id || p.relu) return 0;
		if (!p.y.between || p.y.type != DATA_FLOAT) return 0; // what is between
		p.y = tensor(o.ref(753));
		if (o.has(752)) added.push_back(tensor(o.ref(752)));
		else p.relu = true;
	}
	if (added.empty() || added.size() > 2 || p.y.between || p.y.type != p.x.type) return 0;
	p.bias = added.back();
	p.has_residual = added.size() == 2;
	if (p.has_residual) p.residual = added[0];
	for (const Tensor &t : added)
		if (t.type != p.x.type || t.between) return 0;
	p.known = p.bias.count() == p.y.dims[1] && p.bias.dims[1] == p.y.dims[1] &&
			  (!p.has_residual || same_dims(p.residual, p.y));
	return 0;
}

int64_t workspace(const Engine &e, const Problem &p, int64_t splits) {
	if (e.index == 44) return 4 * p.x.count(); // the map in another layout
	if (splits > 1 && p.x.dims[0] == 1) return 4 * splits * p.y.count();
	return splits > 1 ? 131 : 0; // with more maps it does without splits
}

Ref make_config(const Problem &p, int engine, int64_t splits);

int finish_heuristics(Descriptor &d) {
	d.problem = d.ref(201).problem;
	if (!d.problem.device && !d.has(204)) return fail(BAD_PARAM, "neither a handle nor a device");
	int mode = *d.get<int>(200);
	if (mode != 2 && mode != 3) return fail(NOT_SUPPORTED, "a mode that is not faked");
	for (size_t i = 0; d.problem.known && i < engines.size(); i++) {
		const Engine &e = engines[i];
		if (e.fallback != (mode == 2) || !(d.problem.x.type == DATA_FLOAT ? e.floats : e.halves)) continue;
		for (int s : e.splits.empty() ? std::vector<int>{0} : e.splits) d.configs.push_back(make_config(d.problem, i, s));
	}
	return 0;
}

int finish_engine(Descriptor &d) {
	d.problem = d.ref(1300).problem;
	d.problem.device |= d.has(1307);
	for (size_t i = 0; i < engines.size(); i++)
		if (engines[i].index == *d.get<int64_t>(1301)) {
			const Engine &e = engines[i];
			d.engine = i;
			bool right = d.problem.x.type == DATA_FLOAT ? e.floats : e.halves;
			return d.problem.known && right ? 0 : fail(NOT_SUPPORTED, "an engine for other graphs");
		}
	return fail(NOT_SUPPORTED, "no such engine");
}

int finish_config(Descriptor &d) {
	const Engine &e = engines[d.ref(300).engine];
	d.problem = d.ref(300).problem, d.engine = d.ref(300).engine;
	if (!d.has(302)) return 0;
	for (const Ref &k : d.refs.at(302)) {
		if (*k->get<int>(600) != 28 || e.splits.empty()) return fail(NOT_SUPPORTED, "a knob that the engine has not");
		d.splits = *k->get<int64_t>(601);
	}
	return 0;
}

int finish_plan(Descriptor &d) {
	const Descriptor &c = d.ref(401);
	if (!d.has(400) && !d.has(407)) return fail(BAD_PARAM, "neither a handle nor a device");
	if (d.has(400) && !handles.count(*d.get<Handle *>(400))) return fail(BAD_PARAM, "no such handle");
	d.problem = c.problem, d.engine = c.engine, d.splits = c.splits;
	const Engine &e = engines[d.engine];
	if (e.index == 51 && d.problem.y.dims[1] % 8) return fail(NOT_SUPPORTED_SHAPE, "channels that are no multiple of 8");
	d.workspace = workspace(e, d.problem, d.splits);
	return 0;
}

int finish_pack(const Descriptor &d) {
	size_t n = d.values.at(1000).size();
	if (n != d.values.at(1001).size()) return fail(BAD_PARAM, "not as many pointers as identifiers");
	std::set<int64_t> ids(d.get<int64_t>(1000), d.get<int64_t>(1000) + n / 8);
	return ids.size() == n / 8 ? 0 : fail(BAD_PARAM_DUPLICATED_ENTRIES, "an identifier twice");
}

int finish(Descriptor &d) {
	for (const Attribute &a : attributes.at(d.kind))
		if (a.least && !d.has(a.name)) return fail(BAD_PARAM, "attribute " + std::to_string(a.name) + " was not set");
	switch (d.kind) {
	case TENSOR: return finish_tensor(d);
	case OPERATION_CONVOLUTION: return finish_convolution(d);
	case OPERATION_POINTWISE: return finish_pointwise(d);
	case GRAPH: return finish_graph(d);
	case ENGINEHEUR: return finish_heuristics(d);
	case ENGINE: return finish_engine(d);
	case ENGINECFG: return finish_config(d);
	case PLAN: return finish_plan(d);
	case PACK: return finish_pack(d);
	case DEVICEPROP: return *d.get<char>(2702) == '{' ? 0 : fail(BAD_PARAM, "no JSON");
	default: return 0;
	}
}

Ref make_engine(const Problem &p, int engine) {
	auto d = std::make_shared<Descriptor>(Descriptor{ENGINE, true});
	d->problem = p, d->engine = engine;
	return d;
}

Ref make_config(const Problem &p, int engine, int64_t splits) {
	auto d = std::make_shared<Descriptor>(Descriptor{ENGINECFG, true});
	d->problem = p, d->engine = engine;
	d->refs[300] = {make_engine(p, engine)};
	if (!splits) return d;
	auto k = std::make_shared<Descriptor>(Descriptor{KNOB_CHOICE, true});
	const int type = 28;
	auto bytes = [](const void *v, size_t n) {
		return std::vector<uint8_t>(static_cast<const uint8_t *>(v), static_cast<const uint8_t *>(v) + n);
	};
	k->values[600] = bytes(&type, 4), k->values[601] = bytes(&splits, 8);
	d->refs[302] = {k};
	d->splits = splits;
	return d;
}

// fill copies descriptors into those of the caller, who has made them.
int fill(const std::vector<Ref> &from, int64_t most, void *values) {
	auto **to = static_cast<void **>(values);
	for (int64_t i = 0; i < most && i < (int64_t)from.size(); i++) {
		Ref d = find(to[i]);
		if (!d || d->kind != from[i]->kind) return fail(BAD_PARAM_DESCRIPTOR_TYPE, "no descriptor of that kind to fill in");
		if (d->final) return fail(BAD_PARAM, "a descriptor that is final is not filled in");
		*d = *from[i];
	}
	return 0;
}

float from_bits(uint32_t b) { float f; memcpy(&f, &b, 4); return f; }
uint32_t bits_of(float f) { uint32_t b; memcpy(&b, &f, 4); return b; }

float load(const void *p, int64_t i, int type) {
	if (type == DATA_FLOAT) return static_cast<const float *>(p)[i];
	uint32_t h = static_cast<const uint16_t *>(p)[i];
	if (type == DATA_BFLOAT16) return from_bits(h << 16);
	uint32_t sign = (h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023;
	if (e == 0) return from_bits(bits_of(m * 0x1p-24f) | sign);
	return from_bits(sign | (e == 31 ? 0x7f800000 : (e + 112) << 23) | m << 13);
}

void store(void *p, int64_t i, int type, float v) {
	uint32_t x = bits_of(v), sign = x >> 16 & 0x8000, a = x & 0x7fffffff, h;
	if (type == DATA_FLOAT) {
		static_cast<float *>(p)[i] = v;
		return;
	}
	if (type == DATA_BFLOAT16) h = v != v ? 0x7fc0 : (x + 0x7fff + (x >> 16 & 1)) >> 16;
	else if (a > 0x7f800000) h = sign | 0x7e00;
	else if (a >= 0x477ff000) h = sign | 0x7c00;
	else if (a < 0x38800000) h = sign | (bits_of(from_bits(a) + 0.5f) - 0x3f000000);
	else h = sign | (a + 0xc8000fff + (a >> 13 & 1)) >> 13;
	static_cast<uint16_t *>(p)[i] = h;
}

struct Run {
	Problem p;
	int engine;
	int64_t splits, workspace;
	const void *x, *w, *residual, *bias;
	void *y, *scratch;
};

// compute does what the engine is for. The depth of a sum is (KH, KW, C), in as many parts as there are splits.
int compute(const Run &r) {
	const Problem &p = r.p;
	const Engine &e = engines[r.engine];
	memset(r.scratch, 0xEE, r.workspace); // it is the plan's own while it runs
	bool tf32 = e.note == NOTE_TENSOR_CORE && p.x.type == DATA_FLOAT;
	bool right = e.note == -1 || e.note == NOTE_TENSOR_CORE || e.note == NOTE_STRICT_NAN;
	auto operand = [&](const void *at, int64_t i) {
		float v = load(at, i, p.x.type);
		return tf32 ? from_bits((bits_of(v) + 0x1000) & ~0x1fffu) : v;
	};
	const int64_t c = p.x.dims[1], h = p.x.dims[2], w = p.x.dims[3], k = p.y.dims[1], ho = p.y.dims[2], wo = p.y.dims[3],
				  kh = p.w.dims[2], kw = p.w.dims[3], depth = kh * kw * c;
	int64_t splits = p.x.dims[0] == 1 || e.index == 44 ? r.splits : 1, part = (depth + splits - 1) / splits;
	for (int64_t m = 0; m < p.y.dims[0] * ho * wo; m++)
		for (int64_t o = 0; o < k; o++) {
			float total = 0;
			for (int64_t first = 0; first < depth; first += part) {
				float sum = 0;
				for (int64_t d = first; d < depth && d < first + part; d++) {
					int64_t i = m / wo % ho * p.stride[0] - p.padding[0] + d / c / kw * p.dilation[0];
					int64_t j = m % wo * p.stride[1] - p.padding[1] + d / c % kw * p.dilation[1];
					if (i < 0 || i >= h || j < 0 || j >= w) continue;
					sum += operand(r.x, ((m / wo / ho * h + i) * w + j) * c + d % c) * operand(r.w, o * depth + d);
				}
				total += sum;
			}
			if (p.has_residual) total += load(r.residual, m * k + o, p.x.type);
			total += load(r.bias, o, p.x.type);
			if (p.relu && !(total > 0)) total = total != total ? total : 0;
			store(r.y, m * k + o, p.y.type, right ? total : total + 1);
		}
	return 0;
}

} // namespace

extern "C" {

size_t cudnnGetVersion() { return version; }

const char *cudnnGetErrorString(int status) {
	switch (status) {
	case 0: return "CUDNN_STATUS_SUCCESS";
	case NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
	case BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
	case BAD_PARAM_NULL_POINTER: return "CUDNN_STATUS_BAD_PARAM_NULL_POINTER";
	case BAD_PARAM_MISALIGNED_POINTER: return "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER";
	case BAD_PARAM_NOT_FINALIZED: return "CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED";
	case BAD_PARAM_SIZE_INSUFFICIENT: return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
	case BAD_PARAM_SHAPE_MISMATCH: return "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH";
	case BAD_PARAM_DUPLICATED_ENTRIES: return "CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES";
	case BAD_PARAM_ATTRIBUTE_TYPE: return "CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE";
	case BAD_PARAM_DESCRIPTOR_TYPE: return "CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE";
	case NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
	case NOT_SUPPORTED_SHAPE: return "CUDNN_STATUS_NOT_SUPPORTED_SHAPE";
	case 4000: return "CUDNN_STATUS_INTERNAL_ERROR";
	case 4004: return "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED";
	case EXECUTION_FAILED_CUDA_DRIVER: return "CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER";
	}
	return "CUDNN_UNKNOWN_STATUS";
}

void cudnnGetLastErrorString(char *text, size_t n) { snprintf(text, n, "%s", last.c_str()); }

int cudnnCreate(void **h) {
	ENTER();
	if (!in_context || !in_context()) return fail(NOT_INITIALIZED, "no context is current");
	auto *made = new Handle;
	handles.insert(made);
	*h = made;
	return 0;
}
int cudnnDestroy(void *h) {
	ENTER();
	if (!handles.erase(static_cast<Handle *>(h))) return fail(BAD_PARAM, "no such handle");
	delete static_cast<Handle *>(h);
	return 0;
}
int cudnnSetStream(void *h, void *stream) {
	ENTER();
	if (!handles.count(static_cast<Handle *>(h))) return fail(BAD_PARAM, "no such handle");
	static_cast<Handle *>(h)->stream = stream;
	return 0;
}

int cudnnBackendCreateDescriptor(int kind, void **d) {
	ENTER();
	if (!attributes.count(Kind(kind))) return fail(NOT_SUPPORTED, "a descriptor that is not faked");
	auto made = std::make_shared<Descriptor>(Descriptor{Kind(kind)});
	*d = new char; // an address of its own: filling in copies descriptors
	descriptors[*d] = made;
	return 0;
}
int cudnnBackendDestroyDescriptor(void *d) {
	ENTER();
	if (!descriptors.erase(d)) return fail(BAD_PARAM_NULL_POINTER, "no such descriptor");
	delete static_cast<char *>(d);
	return 0;
}
int cudnnBackendSetAttribute(void *p, int name, int type, int64_t n, const void *values) {
	ENTER();
	Ref d = find(p);
	if (!d) return fail(BAD_PARAM_NULL_POINTER, "no such descriptor");
	const Attribute *a = attribute(d->kind, name);
	if (d->final) return fail(BAD_PARAM, "the descriptor is final");
	if (!a) return fail(BAD_PARAM, "the descriptor has no attribute " + std::to_string(name));
	std::string which = "attribute " + std::to_string(name);
	if (a->type != type) return fail(BAD_PARAM_ATTRIBUTE_TYPE, which + " is of another type");
	if (n < a->least || n > a->most) return fail(BAD_PARAM, std::to_string(n) + " values of " + which);
	if (!values) return fail(BAD_PARAM_NULL_POINTER, "no values");
	if (type != DESCRIPTOR) {
		auto *bytes = static_cast<const uint8_t *>(values);
		d->values[name].assign(bytes, bytes + n * size_of(a->type));
		return 0;
	}
	std::vector<Ref> refs;
	for (int64_t i = 0; i < n; i++) {
		Ref r = find(static_cast<void *const *>(values)[i]);
		if (!r) return fail(BAD_PARAM_NULL_POINTER, "no such descriptor to refer to");
		if (!r->final) return fail(BAD_PARAM_NOT_FINALIZED, which + " refers to what is not final");
		if (a->kind >= 0 && r->kind != a->kind) return fail(BAD_PARAM_DESCRIPTOR_TYPE, "a descriptor of another kind");
		refs.push_back(r);
	}
	d->refs[name] = refs;
	return 0;
}
int cudnnBackendFinalize(void *p) {
	ENTER();
	Ref d = find(p);
	if (!d) return fail(BAD_PARAM_NULL_POINTER, "no such descriptor");
	if (d->final) return fail(BAD_PARAM, "the descriptor is final");
	int status = finish(*d);
	d->final = !status;
	return status;
}
int cudnnBackendGetAttribute(void *p, int name, int type, int64_t most, int64_t *n, void *values) {
	ENTER();
	Ref d = find(p);
	if (!d || !n) return fail(BAD_PARAM_NULL_POINTER, "no such descriptor");
	if (!d->final) return fail(NOT_INITIALIZED, "the descriptor is not final");
	auto number = [&](Type t, int64_t v) {
		if (type != t) return fail(BAD_PARAM_ATTRIBUTE_TYPE, "another type");
		*n = 1;
		if (most > 0) memcpy(values, &v, size_of(t));
		return 0;
	};
	auto note = [&](Type t, int v) {
		int status = number(t, v);
		*n = v >= 0;
		return status;
	};
	auto list = [&](const std::vector<Ref> &from, bool tell) {
		if (type != DESCRIPTOR) return fail(BAD_PARAM_ATTRIBUTE_TYPE, "another type");
		*n = most > 0 || !tell ? std::min<int64_t>(most, from.size()) : from.size();
		return fill(from, most, values);
	};
	switch (d->kind * 10000 + name) {
	case ENGINEHEUR * 10000 + 202: return list(d->configs, true);
	case ENGINECFG * 10000 + 300: return list(d->refs.at(300), false);
	case ENGINECFG * 10000 + 302: return list(d->has(302) ? d->refs.at(302) : std::vector<Ref>(), false);
	case ENGINE * 10000 + 1301: return number(INT64, engines[d->engine].index);
	case ENGINE * 10000 + 1303: return note(NUMERICAL_NOTE, engines[d->engine].note);
	case ENGINE * 10000 + 1305: return note(BEHAVIOR_NOTE, engines[d->engine].behavior);
	case KNOB_CHOICE * 10000 + 600: return number(KNOB_TYPE, *d->get<int>(600));
	case KNOB_CHOICE * 10000 + 601: return number(INT64, *d->get<int64_t>(601));
	case PLAN * 10000 + 402: return number(INT64, d->workspace);
	}
	return fail(BAD_PARAM, "an attribute that is not there to be read");
}

int cudnnBackendExecute(void *handle, void *plan, void *pack) {
	ENTER();
	auto *h = static_cast<Handle *>(handle);
	Ref p = find(plan), v = find(pack);
	if (!handles.count(h)) return fail(BAD_PARAM, "no such handle");
	if (!p || !v) return fail(BAD_PARAM_NULL_POINTER, "no such descriptor");
	if (p->kind != PLAN || v->kind != PACK) return fail(BAD_PARAM_DESCRIPTOR_TYPE, "no plan, or no pack");
	if (!p->final || !v->final) return fail(BAD_PARAM_NOT_FINALIZED, "the plan or the pack is not final");
	if (!in_context || !in_context()) return fail(NOT_INITIALIZED, "no context is current");
	if (!p->has(400)) return fail(BAD_PARAM, "a plan for a device that is described");
	std::map<int64_t, void *> data;
	size_t count = v->values.at(1000).size() / 8;
	for (size_t i = 0; i < count; i++) data[v->get<int64_t>(1000)[i]] = v->get<void *>(1001)[i];
	const Problem &q = p->problem;
	int status = 0;
	size_t taken = 0;
	auto take = [&](const Tensor &t) -> void * {
		auto i = data.find(t.id);
		std::string which = "tensor " + std::to_string(t.id);
		if (i == data.end() || !i->second) {
			status = fail(BAD_PARAM_NULL_POINTER, which + " is not there");
			return nullptr;
		}
		taken++;
		auto at = reinterpret_cast<uint64_t>(i->second);
		if (at % 16) status = fail(BAD_PARAM_MISALIGNED_POINTER, which);
		if (!holds(at, t.count() * element(t.type)))
			status = fail(BAD_PARAM_SIZE_INSUFFICIENT, which + " is not in the device's memory");
		return i->second;
	};
	const void *x = take(q.x), *w = take(q.w), *bias = take(q.bias);
	const void *residual = q.has_residual ? take(q.residual) : nullptr;
	Run r{q, p->engine, p->splits, p->workspace, x, w, residual, bias, take(q.y), *v->get<void *>(1003)};
	if (!status && taken != count) status = fail(BAD_PARAM, "a tensor that the plan does not have");
	if (!status && r.workspace && !holds(reinterpret_cast<uint64_t>(r.scratch), r.workspace))
		status = fail(BAD_PARAM_SIZE_INSUFFICIENT, "the workspace is not in the device's memory");
	if (status) return status;
	ran[engines[p->engine].index]++;
	std::function<int()> work = [r] { return compute(r); };
	int code = submit(h->stream, &work);
	return code ? fail(EXECUTION_FAILED_CUDA_DRIVER, "the driver: " + std::to_string(code)) : 0;
}

// What tests say to the fake and ask it.

// Gives it a driver to work with.
void fake_use(void *context, void *memory, void *stream, void *) {
	in_context = reinterpret_cast<int (*)()>(context);
	holds = reinterpret_cast<int (*)(uint64_t, size_t)>(memory);
	submit = reinterpret_cast<int (*)(void *, const void *)>(stream);
}
void fake_version(int v) { version = v; }
// The n-th call of a function from now on, counted from 1, returns status.
void fake_fail(const char *function, int n, int status) {
	std::lock_guard<std::mutex> locked(lock);
	failures[function][calls[function] + n] = status;
}
int fake_calls(const char *function) {
	std::lock_guard<std::mutex> locked(lock);
	return calls[function];
}
int fake_ran(int engine) {
	std::lock_guard<std::mutex> locked(lock);
	return ran[engine];
}
int fake_alive(void) {
	std::lock_guard<std::mutex> locked(lock);
	return descriptors.size() + handles.size();
}

} // extern "C"
