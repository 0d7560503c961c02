//go:build linux && cgo && !nocuda

#include "cublaslt.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

ag_cublaslt *ag_lt_open(const char *path, const char **error) {
	dlerror();
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		*error = dlerror();
		return NULL;
	}
	ag_cublaslt *c = calloc(1, sizeof *c);
	if (!c) {
		dlclose(library);
		*error = "no memory";
		return NULL;
	}
	c->library = library;
#define REQUIRED(name, result, parameters)                 \
	c->name = (result(*) parameters)dlsym(library, #name); \
	if (!c->name && !c->missing) c->missing = #name;
	AG_CUBLASLT(REQUIRED)
#undef REQUIRED
	return c;
}

void ag_lt_close(ag_cublaslt *c) {
	dlclose(c->library);
	free(c);
}

size_t ag_lt_version(const ag_cublaslt *c) { return c->cublasLtGetVersion ? c->cublasLtGetVersion() : 0; }

const char *ag_lt_name(const ag_cublaslt *c, int status) { return c->cublasLtGetStatusName(status); }

const char *ag_lt_text(const ag_cublaslt *c, int status) { return c->cublasLtGetStatusString(status); }

// enter makes the context current.
static int enter(const ag_lt_place *at, ag_lt_failure *f) {
	if (!at->context) return 0;
	f->driver = ((int (*)(void *))at->set_current)(at->context);
	f->call = "cuCtxSetCurrent";
	return f->driver != 0;
}

// DO does a call and returns from the helper if it fails.
#define DO(name, ...)                                    \
	do {                                                 \
		f->status = at->library->name(__VA_ARGS__);      \
		f->call = #name;                                 \
		if (f->status) return 1;                         \
	} while (0)

int ag_lt_create(ag_lt_place *at, ag_lt_failure *f) {
	if (enter(at, f)) return 1;
	DO(cublasLtCreate, &at->handle);
	return 0;
}

int ag_lt_destroy(const ag_lt_place *at, ag_lt_failure *f) {
	int lost = enter(at, f); // which keeps nothing of the host's from being freed
	f->status = at->library->cublasLtDestroy(at->handle);
	if (lost) return 1;
	f->call = "cublasLtDestroy";
	return f->status != 0;
}

// ag_lt_describe describes the transposed product: yᵀ (columns, rows) = wᵀ · xᵀ, column-major. To the library w is A, x is
// B, the residual C and the result D. Bias has an element for each row of D.
int ag_lt_describe(const ag_lt_place *at, const ag_matmul *m, ag_lt_plan *p, ag_lt_failure *f) {
	memset(p, 0, sizeof *p);
	if (enter(at, f)) return 1;
	int transposed = m->output_rows ? AG_CUBLAS_OP_T : AG_CUBLAS_OP_N;
	int epilogue = m->relu ? AG_CUBLASLT_EPILOGUE_RELU_BIAS : AG_CUBLASLT_EPILOGUE_BIAS;
	uint64_t w_rows = m->output_rows ? m->depth : m->columns, w_columns = m->output_rows ? m->columns : m->depth;
	DO(cublasLtMatmulDescCreate, &p->operation, m->compute, AG_CUDA_R_32F);
	DO(cublasLtMatmulDescSetAttribute, p->operation, AG_CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
	DO(cublasLtMatmulDescSetAttribute, p->operation, AG_CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
	DO(cublasLtMatrixLayoutCreate, &p->w, m->type, w_rows, w_columns, m->ldw);
	DO(cublasLtMatrixLayoutCreate, &p->x, m->type, m->depth, m->rows, m->ldx);
	DO(cublasLtMatrixLayoutCreate, &p->y, m->out, m->columns, m->rows, m->ldy);
	return 0;
}

void ag_lt_drop(const ag_lt_place *at, ag_lt_plan *p) {
	const ag_cublaslt *c = at->library;
	if (p->operation) c->cublasLtMatmulDescDestroy(p->operation);
	if (p->w) c->cublasLtMatrixLayoutDestroy(p->w);
	if (p->x) c->cublasLtMatrixLayoutDestroy(p->x);
	if (p->y) c->cublasLtMatrixLayoutDestroy(p->y);
	memset(p, 0, sizeof *p);
}

// prefer sets what algorithms may be found. Splits of the depth are added up in float32, not in y's type. Maps of one picture
// in a batch begin at a multiple of 16 bytes.
static int prefer(const ag_lt_place *at, void *preference, uint64_t workspace, uint64_t flags, ag_lt_failure *f) {
	uint32_t scheme = AG_CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, alignment = 16;
#define PREFER(name, v) DO(cublasLtMatmulPreferenceSetAttribute, preference, AG_CUBLASLT_MATMUL_PREF_##name, &v, sizeof v)
	PREFER(MAX_WORKSPACE_BYTES, workspace);
	PREFER(REDUCTION_SCHEME_MASK, scheme);
	PREFER(MIN_ALIGNMENT_B_BYTES, alignment);
	PREFER(MIN_ALIGNMENT_C_BYTES, alignment);
	PREFER(MIN_ALIGNMENT_D_BYTES, alignment);
	PREFER(IMPL_MASK, flags);
#undef PREFER
	return 0;
}

// set_bias sets the address of the bias; what algorithms there are depends on its alignment.
static int set_bias(const ag_lt_place *at, const ag_lt_plan *p, uint64_t bias, ag_lt_failure *f) {
	DO(cublasLtMatmulDescSetAttribute, p->operation, AG_CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
	return 0;
}

int ag_lt_find(const ag_lt_place *at, const ag_lt_plan *p, uint64_t workspace, uint64_t flags, ag_result *results, int most,
			   int *found, ag_lt_failure *f) {
	*found = 0;
	if (enter(at, f) || set_bias(at, p, 256, f)) return 1;
	void *preference = NULL;
	DO(cublasLtMatmulPreferenceCreate, &preference);
	int failed = prefer(at, preference, workspace, flags, f);
	if (!failed) {
		f->call = "cublasLtMatmulAlgoGetHeuristic";
		f->status = at->library->cublasLtMatmulAlgoGetHeuristic(at->handle, p->operation, p->w, p->x, p->y, p->y, preference,
																most, results, found);
		failed = f->status != 0;
	}
	at->library->cublasLtMatmulPreferenceDestroy(preference);
	return failed;
}

int ag_lt_check(const ag_lt_place *at, const ag_lt_plan *p, const ag_algo *algo, ag_result *result, ag_lt_failure *f) {
	if (enter(at, f) || set_bias(at, p, 256, f)) return 1;
	DO(cublasLtMatmulAlgoCheck, at->handle, p->operation, p->w, p->x, p->y, p->y, algo, result);
	return 0;
}

int ag_lt_flags(const ag_lt_place *at, const ag_algo *algo, uint64_t *flags, ag_lt_failure *f) {
	size_t written;
	if (enter(at, f)) return 1;
	DO(cublasLtMatmulAlgoCapGetAttribute, algo, AG_CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS, flags, sizeof *flags, &written);
	return 0;
}

int ag_lt_config(const ag_lt_place *at, const ag_algo *algo, int *id, int *tile, int *splits, ag_lt_failure *f) {
	size_t written;
	if (enter(at, f)) return 1;
	DO(cublasLtMatmulAlgoConfigGetAttribute, algo, AG_CUBLASLT_ALGO_CONFIG_ID, id, sizeof *id, &written);
	DO(cublasLtMatmulAlgoConfigGetAttribute, algo, AG_CUBLASLT_ALGO_CONFIG_TILE_ID, tile, sizeof *tile, &written);
	DO(cublasLtMatmulAlgoConfigGetAttribute, algo, AG_CUBLASLT_ALGO_CONFIG_SPLITK_NUM, splits, sizeof *splits, &written);
	return 0;
}

int ag_lt_run(const ag_lt_place *at, const ag_lt_plan *p, const ag_algo *algo, uint64_t x, uint64_t w, uint64_t bias,
			  uint64_t residual, uint64_t y, uint64_t workspace, size_t bytes, void *stream, ag_lt_failure *f) {
	const float alpha = 1, beta = residual ? 1 : 0;
	const void *c = (const void *)(residual ? residual : y);
	if (enter(at, f) || set_bias(at, p, bias, f)) return 1;
	DO(cublasLtMatmul, at->handle, p->operation, &alpha, (const void *)w, p->w, (const void *)x, p->x, &beta, c, p->y,
	   (void *)y, p->y, algo, (void *)workspace, bytes, stream);
	return 0;
}
