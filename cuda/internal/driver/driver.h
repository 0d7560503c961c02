// The C side of package driver: a table of the driver's functions, and one
// helper for each thing that Go asks for. A helper makes the context current on
// whatever thread Go calls it, does its work and returns the driver's code, so
// that goroutines need not keep to their threads. *call is set to the name of
// the function that failed.
#pragma once
#include "functions.h"

enum {
	AG_NOT_OFFERED = -1,   // the driver lacks an optional function
	AG_MAX_ARGUMENTS = 64, // of one kernel
};

typedef struct ag_driver {
	void *handle;
	const char *missing; // the first function that must be there and is not
#define AG_FIELD(name, parameters) int(*name) parameters;
	AG_DRIVER(AG_FIELD, AG_FIELD)
#undef AG_FIELD
} ag_driver;

// ag_launch is one launch of a list: count arguments of 8 bytes each from
// arguments[first].
typedef struct ag_launch {
	void *function;
	unsigned grid[3], block[3], shared;
	unsigned first, count;
} ag_launch;

// ag_region is what the driver knows of an address. All is 0 for one that it does not know.
typedef struct ag_region {
	void *context; // NULL for memory that is not of one
	unsigned type, managed;
	int device;
	ag_ptr begin;
	size_t bytes;
} ag_region;

ag_driver *ag_open(const char *path, const char **error);
void ag_close(ag_driver *d);
int ag_version(const ag_driver *d, int *version); // works before ag_init, and may explain why that fails
int ag_init(const ag_driver *d);
int ag_device_count(const ag_driver *d, int *n);
int ag_device(const ag_driver *d, int ordinal, int *device, char *name, int length, size_t *bytes, const char **call);
int ag_attribute(const ag_driver *d, int device, int attribute, int *value);

int ag_retain(const ag_driver *d, int device, void **ctx);
int ag_release(const ag_driver *d, int device);
int ag_context_device(const ag_driver *d, void *ctx, int *device, const char **call);
int ag_memory(const ag_driver *d, void *ctx, size_t *available, size_t *total);

int ag_alloc(const ag_driver *d, void *ctx, ag_ptr *p, size_t n);
int ag_free(const ag_driver *d, void *ctx, ag_ptr p);
int ag_host_alloc(const ag_driver *d, void *ctx, void **p, size_t n);
int ag_host_free(const ag_driver *d, void *ctx, void *p);
int ag_upload(const ag_driver *d, void *ctx, ag_ptr to, const void *from, size_t n, void *stream, int wait);
int ag_download(const ag_driver *d, void *ctx, void *to, ag_ptr from, size_t n, void *stream, int wait);
int ag_copy(const ag_driver *d, void *ctx, ag_ptr to, ag_ptr from, size_t n, void *stream);
int ag_fill(const ag_driver *d, void *ctx, ag_ptr to, unsigned char value, size_t n, void *stream);
int ag_region_of(const ag_driver *d, void *ctx, ag_ptr p, ag_region *r, const char **call);

int ag_stream_create(const ag_driver *d, void *ctx, void **stream);
int ag_stream_destroy(const ag_driver *d, void *ctx, void *stream);
int ag_stream_sync(const ag_driver *d, void *ctx, void *stream);
int ag_stream_query(const ag_driver *d, void *ctx, void *stream);
int ag_stream_wait(const ag_driver *d, void *ctx, void *stream, void *event);
int ag_stream_context(const ag_driver *d, void *ctx, void *stream, void **of);
int ag_stream_capturing(const ag_driver *d, void *ctx, void *stream, int *status);
int ag_event_create(const ag_driver *d, void *ctx, void **event, unsigned flags);
int ag_event_destroy(const ag_driver *d, void *ctx, void *event);
int ag_event_record(const ag_driver *d, void *ctx, void *event, void *stream);
int ag_event_sync(const ag_driver *d, void *ctx, void *event);
int ag_event_elapsed(const ag_driver *d, void *ctx, float *ms, void *begin, void *end);

int ag_module_load(const ag_driver *d, void *ctx, void **module, const void *image, char *log, unsigned length);
int ag_module_unload(const ag_driver *d, void *ctx, void *module);
int ag_function(const ag_driver *d, void *ctx, void **function, void *module, const char *name);
int ag_function_shared(const ag_driver *d, void *ctx, void *function, int bytes);
int ag_function_parameter(const ag_driver *d, void *ctx, void *function, size_t i, size_t *bytes);
int ag_launch_all(const ag_driver *d, void *ctx, void *stream, const ag_launch *launches, size_t n,
				  const uint64_t *arguments, size_t *failed);

int ag_capture_begin(const ag_driver *d, void *ctx, void *stream);
int ag_capture_end(const ag_driver *d, void *ctx, void *stream, void **graph);
int ag_graph_instantiate(const ag_driver *d, void *ctx, void **executable, void *graph, size_t *nodes);
int ag_graph_launch(const ag_driver *d, void *ctx, void *executable, void *stream);
int ag_graph_executable_destroy(const ag_driver *d, void *ctx, void *executable);
int ag_graph_destroy(const ag_driver *d, void *ctx, void *graph);
const char *ag_error_name(const ag_driver *d, int code);
const char *ag_error_text(const ag_driver *d, int code);
