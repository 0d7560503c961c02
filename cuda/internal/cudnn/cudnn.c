//go:build linux && cgo && !nocuda

#include "cudnn.h"

#include <dlfcn.h>
#include <stdlib.h>

ag_cudnn *ag_cudnn_open(const char *path, const char **error) {
	dlerror();
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		*error = dlerror();
		return NULL;
	}
	ag_cudnn *c = calloc(1, sizeof *c);
	if (!c) {
		dlclose(library);
		*error = "no memory";
		return NULL;
	}
	c->library = library;
#define REQUIRED(name, result, parameters)                   \
	c->name = (result(*) parameters)dlsym(library, #name);   \
	if (!c->name && !c->missing) c->missing = #name;
#define OPTIONAL(name, result, parameters) c->name = (result(*) parameters)dlsym(library, #name);
	AG_CUDNN(REQUIRED, OPTIONAL)
#undef REQUIRED
#undef OPTIONAL
	return c;
}

void ag_cudnn_close(ag_cudnn *c) {
	dlclose(c->library);
	free(c);
}

size_t ag_cudnn_version(const ag_cudnn *c) { return c->cudnnGetVersion ? c->cudnnGetVersion() : 0; }

const char *ag_cudnn_status(const ag_cudnn *c, int status) { return c->cudnnGetErrorString(status); }

// enter makes the context current.
static int enter(const ag_place *at, ag_failure *f) {
	if (!at->context) return 0;
	f->driver = ((int (*)(void *))at->set_current)(at->context);
	f->call = "cuCtxSetCurrent";
	return f->driver != 0;
}

static int leave(const ag_place *at, const char *call, int status, ag_failure *f) {
	if (!status) return 0;
	f->status = status;
	f->call = call;
	f->text[0] = 0;
	if (at->library->cudnnGetLastErrorString) at->library->cudnnGetLastErrorString(f->text, sizeof f->text);
	f->text[sizeof f->text - 1] = 0;
	return 1;
}

// CALL does a call in the context.
#define CALL(name, ...)                \
	do {                               \
		if (enter(at, f)) return 1;    \
		return leave(at, #name, at->library->name(__VA_ARGS__), f); \
	} while (0)

int ag_cudnn_create(const ag_place *at, void **handle, ag_failure *f) { CALL(cudnnCreate, handle); }

int ag_cudnn_destroy(const ag_place *at, void *handle, ag_failure *f) { CALL(cudnnDestroy, handle); }

int ag_cudnn_make(const ag_place *at, int kind, void **descriptor, ag_failure *f) {
	CALL(cudnnBackendCreateDescriptor, kind, descriptor);
}

int ag_cudnn_drop(const ag_place *at, void *descriptor, ag_failure *f) { CALL(cudnnBackendDestroyDescriptor, descriptor); }

int ag_cudnn_set(const ag_place *at, void *descriptor, int name, int type, int64_t n, const void *values, ag_failure *f) {
	CALL(cudnnBackendSetAttribute, descriptor, name, type, n, values);
}

int ag_cudnn_get(const ag_place *at, void *descriptor, int name, int type, int64_t most, int64_t *n, void *values,
				 ag_failure *f) {
	CALL(cudnnBackendGetAttribute, descriptor, name, type, most, n, values);
}

int ag_cudnn_finalize(const ag_place *at, void *descriptor, ag_failure *f) { CALL(cudnnBackendFinalize, descriptor); }

// set_all sets what a pack has.
static int set_all(const ag_cudnn *c, void *pack, const ag_tensors *t) {
	int status = c->cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, t->n, t->ids);
	if (status) return status;
	status = c->cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, t->n, t->data);
	if (status) return status;
	return c->cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &t->workspace);
}

int ag_cudnn_run(const ag_place *at, void *handle, void *stream, void *plan, const ag_tensors *t, ag_failure *f) {
	const ag_cudnn *c = at->library;
	if (enter(at, f)) return 1;
	if (leave(at, "cudnnSetStream", c->cudnnSetStream(handle, stream), f)) return 1;
	void *pack;
	int status = c->cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
	if (leave(at, "cudnnBackendCreateDescriptor", status, f)) return 1;
	int failed = leave(at, "cudnnBackendSetAttribute", set_all(c, pack, t), f) ||
				 leave(at, "cudnnBackendFinalize", c->cudnnBackendFinalize(pack), f) ||
				 leave(at, "cudnnBackendExecute", c->cudnnBackendExecute(handle, plan, pack), f);
	status = c->cudnnBackendDestroyDescriptor(pack);
	return failed || leave(at, "cudnnBackendDestroyDescriptor", status, f);
}
