//go:build linux && cgo && !nocuda

#include "driver.h"

#include <dlfcn.h>
#include <stdlib.h>

// CALL does a call of the driver in the context ctx and returns its code.
#define CALL(name, ...)                        \
	do {                                       \
		int code = d->cuCtxSetCurrent(ctx);    \
		return code ? code : d->name(__VA_ARGS__); \
	} while (0)

ag_driver *ag_open(const char *path, const char **error) {
	dlerror();
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		*error = dlerror();
		return NULL;
	}
	ag_driver *d = calloc(1, sizeof *d);
	if (!d) {
		dlclose(handle);
		*error = "no memory";
		return NULL;
	}
	d->handle = handle;
#define REQUIRED(name, parameters)                                   \
	d->name = (int(*) parameters)dlsym(handle, #name);               \
	if (!d->name && !d->missing) d->missing = #name;
#define OPTIONAL(name, parameters) d->name = (int(*) parameters)dlsym(handle, #name);
	AG_DRIVER(REQUIRED, OPTIONAL)
#undef REQUIRED
#undef OPTIONAL
	return d;
}

void ag_close(ag_driver *d) {
	dlclose(d->handle);
	free(d);
}

int ag_version(const ag_driver *d, int *version) {
	return d->cuDriverGetVersion ? d->cuDriverGetVersion(version) : AG_NOT_OFFERED;
}

int ag_init(const ag_driver *d) { return d->cuInit(0); }

int ag_device_count(const ag_driver *d, int *n) { return d->cuDeviceGetCount(n); }

int ag_device(const ag_driver *d, int ordinal, int *device, char *name, int length, size_t *bytes, const char **call) {
	*call = "cuDeviceGet";
	int code = d->cuDeviceGet(device, ordinal);
	if (code) return code;
	*call = "cuDeviceGetName";
	code = d->cuDeviceGetName(name, length, *device);
	if (code) return code;
	*call = "cuDeviceTotalMem_v2";
	return d->cuDeviceTotalMem_v2(bytes, *device);
}

int ag_attribute(const ag_driver *d, int device, int attribute, int *value) {
	return d->cuDeviceGetAttribute(value, attribute, device);
}

int ag_retain(const ag_driver *d, int device, void **ctx) { return d->cuDevicePrimaryCtxRetain(ctx, device); }

int ag_release(const ag_driver *d, int device) { return d->cuDevicePrimaryCtxRelease_v2(device); }

int ag_context_device(const ag_driver *d, void *ctx, int *device, const char **call) {
	*call = "cuCtxSetCurrent";
	int code = d->cuCtxSetCurrent(ctx);
	if (code) return code;
	*call = "cuCtxGetDevice";
	return d->cuCtxGetDevice(device);
}

int ag_memory(const ag_driver *d, void *ctx, size_t *available, size_t *total) {
	CALL(cuMemGetInfo_v2, available, total);
}

int ag_alloc(const ag_driver *d, void *ctx, ag_ptr *p, size_t n) { CALL(cuMemAlloc_v2, p, n); }

int ag_free(const ag_driver *d, void *ctx, ag_ptr p) { CALL(cuMemFree_v2, p); }

int ag_host_alloc(const ag_driver *d, void *ctx, void **p, size_t n) { CALL(cuMemHostAlloc, p, n, 0); }

int ag_host_free(const ag_driver *d, void *ctx, void *p) { CALL(cuMemFreeHost, p); }

// The two that wait do so because the memory of Go's that they are given may not be used when they have returned.

int ag_upload(const ag_driver *d, void *ctx, ag_ptr to, const void *from, size_t n, void *stream, int wait) {
	int code = d->cuCtxSetCurrent(ctx);
	if (!code) code = d->cuMemcpyHtoDAsync_v2(to, from, n, stream);
	return code || !wait ? code : d->cuStreamSynchronize(stream);
}

int ag_download(const ag_driver *d, void *ctx, void *to, ag_ptr from, size_t n, void *stream, int wait) {
	int code = d->cuCtxSetCurrent(ctx);
	if (!code) code = d->cuMemcpyDtoHAsync_v2(to, from, n, stream);
	return code || !wait ? code : d->cuStreamSynchronize(stream);
}

int ag_copy(const ag_driver *d, void *ctx, ag_ptr to, ag_ptr from, size_t n, void *stream) {
	CALL(cuMemcpyDtoDAsync_v2, to, from, n, stream);
}

int ag_fill(const ag_driver *d, void *ctx, ag_ptr to, unsigned char value, size_t n, void *stream) {
	CALL(cuMemsetD8Async, to, value, n, stream);
}

// CU_POINTER_ATTRIBUTE_…
enum { POINTER_CONTEXT = 1, POINTER_MEMORY_TYPE, POINTER_MANAGED = 8, POINTER_DEVICE, POINTER_RANGE = 11, POINTER_RANGE_SIZE };

int ag_region_of(const ag_driver *d, void *ctx, ag_ptr p, ag_region *r, const char **call) {
	int attributes[] = {POINTER_CONTEXT, POINTER_MEMORY_TYPE, POINTER_MANAGED, POINTER_DEVICE, POINTER_RANGE, POINTER_RANGE_SIZE};
	void *values[] = {&r->context, &r->type, &r->managed, &r->device, &r->begin, &r->bytes};
	*r = (ag_region){0};
	*call = "cuCtxSetCurrent";
	int code = d->cuCtxSetCurrent(ctx);
	if (code) return code;
	*call = "cuPointerGetAttributes";
	return d->cuPointerGetAttributes(sizeof attributes / sizeof *attributes, attributes, values, p);
}

enum { STREAM_NON_BLOCKING = 1 }; // CU_STREAM_NON_BLOCKING: does not wait for the legacy default stream

int ag_stream_create(const ag_driver *d, void *ctx, void **stream) { CALL(cuStreamCreate, stream, STREAM_NON_BLOCKING); }

int ag_stream_destroy(const ag_driver *d, void *ctx, void *stream) { CALL(cuStreamDestroy_v2, stream); }

int ag_stream_sync(const ag_driver *d, void *ctx, void *stream) { CALL(cuStreamSynchronize, stream); }

int ag_stream_query(const ag_driver *d, void *ctx, void *stream) { CALL(cuStreamQuery, stream); }

int ag_stream_wait(const ag_driver *d, void *ctx, void *stream, void *event) { CALL(cuStreamWaitEvent, stream, event, 0); }

int ag_stream_context(const ag_driver *d, void *ctx, void *stream, void **of) { CALL(cuStreamGetCtx, stream, of); }

int ag_stream_capturing(const ag_driver *d, void *ctx, void *stream, int *status) {
	CALL(cuStreamIsCapturing, stream, status);
}

int ag_event_create(const ag_driver *d, void *ctx, void **event, unsigned flags) { CALL(cuEventCreate, event, flags); }

int ag_event_destroy(const ag_driver *d, void *ctx, void *event) { CALL(cuEventDestroy_v2, event); }

int ag_event_record(const ag_driver *d, void *ctx, void *event, void *stream) { CALL(cuEventRecord, event, stream); }

int ag_event_sync(const ag_driver *d, void *ctx, void *event) { CALL(cuEventSynchronize, event); }

int ag_event_elapsed(const ag_driver *d, void *ctx, float *ms, void *begin, void *end) {
	CALL(cuEventElapsedTime, ms, begin, end);
}

enum { JIT_ERROR_LOG_BUFFER = 5, JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6 }; // CU_JIT_…

int ag_module_load(const ag_driver *d, void *ctx, void **module, const void *image, char *log, unsigned length) {
	int options[] = {JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
	void *values[] = {log, (void *)(uintptr_t)length};
	CALL(cuModuleLoadDataEx, module, image, 2, options, values);
}

int ag_module_unload(const ag_driver *d, void *ctx, void *module) { CALL(cuModuleUnload, module); }

int ag_function(const ag_driver *d, void *ctx, void **function, void *module, const char *name) {
	CALL(cuModuleGetFunction, function, module, name);
}

enum { FUNC_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8 }; // CU_FUNC_ATTRIBUTE_…

int ag_function_shared(const ag_driver *d, void *ctx, void *function, int bytes) {
	CALL(cuFuncSetAttribute, function, FUNC_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}

int ag_function_parameter(const ag_driver *d, void *ctx, void *function, size_t i, size_t *bytes) {
	if (!d->cuFuncGetParamInfo) return AG_NOT_OFFERED;
	size_t offset;
	CALL(cuFuncGetParamInfo, function, i, &offset, bytes);
}

int ag_launch_all(const ag_driver *d, void *ctx, void *stream, const ag_launch *launches, size_t n,
				  const uint64_t *arguments, size_t *failed) {
	int code = d->cuCtxSetCurrent(ctx);
	for (*failed = 0; !code && *failed < n; ++*failed) {
		const ag_launch *l = launches + *failed;
		void *p[AG_MAX_ARGUMENTS];
		for (unsigned i = 0; i < l->count; i++) p[i] = (void *)(arguments + l->first + i);
		code = d->cuLaunchKernel(l->function, l->grid[0], l->grid[1], l->grid[2], l->block[0], l->block[1], l->block[2],
								 l->shared, stream, p, NULL);
		if (code) return code;
	}
	return code;
}

enum { CAPTURE_MODE_RELAXED = 2 }; // CU_STREAM_CAPTURE_MODE_RELAXED: other threads' calls are no concern of the capture

int ag_capture_begin(const ag_driver *d, void *ctx, void *stream) {
	CALL(cuStreamBeginCapture_v2, stream, CAPTURE_MODE_RELAXED);
}

int ag_capture_end(const ag_driver *d, void *ctx, void *stream, void **graph) { CALL(cuStreamEndCapture, stream, graph); }

int ag_graph_instantiate(const ag_driver *d, void *ctx, void **executable, void *graph, size_t *nodes) {
	int code = d->cuCtxSetCurrent(ctx);
	if (!code) code = d->cuGraphGetNodes(graph, NULL, nodes);
	return code ? code : d->cuGraphInstantiateWithFlags(executable, graph, 0);
}

int ag_graph_launch(const ag_driver *d, void *ctx, void *executable, void *stream) {
	CALL(cuGraphLaunch, executable, stream);
}

int ag_graph_executable_destroy(const ag_driver *d, void *ctx, void *executable) { CALL(cuGraphExecDestroy, executable); }

int ag_graph_destroy(const ag_driver *d, void *ctx, void *graph) { CALL(cuGraphDestroy, graph); }

const char *ag_error_name(const ag_driver *d, int code) {
	const char *s = NULL;
	return d->cuGetErrorName(code, &s) == 0 && s ? s : "CUDA_ERROR_UNKNOWN_TO_THE_DRIVER";
}

const char *ag_error_text(const ag_driver *d, int code) {
	const char *s = NULL;
	return d->cuGetErrorString(code, &s) == 0 && s ? s : "an error that the driver has no text for";
}
