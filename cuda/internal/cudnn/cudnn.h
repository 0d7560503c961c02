// The C side of package cudnn: a table of the library's functions, and a helper
// for each thing that Go asks for. A helper makes the driver's context current on
// whatever thread Go calls it, does its work, and on an error notes on the same
// thread what the library says of it.
#pragma once
#include "functions.h"

enum {
#define AG_VALUE(name, value) name = value,
	AG_CUDNN_VALUES(AG_VALUE)
#undef AG_VALUE
};

typedef struct ag_cudnn {
	void *library;
	const char *missing; // the first function that must be there and is not
#define AG_FIELD(name, result, parameters) result(*name) parameters;
	AG_CUDNN(AG_FIELD, AG_FIELD)
#undef AG_FIELD
} ag_cudnn;

// ag_place is where calls are made: the library's table, and a context of the
// driver's, NULL for calls that need no device.
typedef struct ag_place {
	const ag_cudnn *library;
	void *context;
	void *set_current; // int (*)(void *), the driver's cuCtxSetCurrent
} ag_place;

// ag_failure is why a call failed: a status of the library's, or the driver's
// code if the context could not be made current.
typedef struct ag_failure {
	int status, driver;
	const char *call;
	char text[1024];
} ag_failure;

ag_cudnn *ag_cudnn_open(const char *path, const char **error);
void ag_cudnn_close(ag_cudnn *c);
size_t ag_cudnn_version(const ag_cudnn *c);
const char *ag_cudnn_status(const ag_cudnn *c, int status);

// All return 0, or 1 with a failure.
int ag_cudnn_create(const ag_place *at, void **handle, ag_failure *f);
int ag_cudnn_destroy(const ag_place *at, void *handle, ag_failure *f);
int ag_cudnn_make(const ag_place *at, int kind, void **descriptor, ag_failure *f);
int ag_cudnn_drop(const ag_place *at, void *descriptor, ag_failure *f);
int ag_cudnn_set(const ag_place *at, void *descriptor, int name, int type, int64_t n, const void *values, ag_failure *f);
int ag_cudnn_get(const ag_place *at, void *descriptor, int name, int type, int64_t most, int64_t *n, void *values,
				 ag_failure *f);
int ag_cudnn_finalize(const ag_place *at, void *descriptor, ag_failure *f);

enum { AG_MOST_TENSORS = 8 };

// ag_tensors are the tensors of a plan: their identifiers and addresses.
typedef struct ag_tensors {
	int n;
	int64_t ids[AG_MOST_TENSORS];
	uint64_t data[AG_MOST_TENSORS], workspace;
} ag_tensors;

// Submits a plan to a stream. The handle may be another thread's or stream's before.
int ag_cudnn_run(const ag_place *at, void *handle, void *stream, void *plan, const ag_tensors *t, ag_failure *f);
