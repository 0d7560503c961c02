// The C side of package cublaslt: a table of the library's functions, and a
// helper for each thing that Go asks for. A helper makes the driver's context
// current on whatever thread Go calls it, and does its work.
#pragma once
#include "functions.h"

enum {
#define AG_VALUE(name, value) AG_##name = value,
	AG_CUBLASLT_VALUES(AG_VALUE) AG_CUBLASLT_FLAGS(AG_VALUE)
#undef AG_VALUE
};

typedef struct ag_cublaslt {
	void *library;
	const char *missing; // the first function that is not there
#define AG_FIELD(name, result, parameters) result(*name) parameters;
	AG_CUBLASLT(AG_FIELD)
#undef AG_FIELD
} ag_cublaslt;

// ag_lt_place is where calls are made: the library's table, a context of the
// driver's, NULL for calls that need no device, and the library's handle.
typedef struct ag_lt_place {
	const ag_cublaslt *library;
	void *context;
	void *set_current; // int (*)(void *), the driver's cuCtxSetCurrent
	void *handle;
} ag_lt_place;

// ag_lt_failure is why a call failed: a status of the library's, or the driver's
// code if the context could not be made current.
typedef struct ag_lt_failure {
	int status, driver;
	const char *call;
} ag_lt_failure;

// ag_matmul is y (rows, columns) = x (rows, depth) · w + bias + residual, row-major,
// with rows ldx, ldw and ldy elements apart. w is (depth, columns), or (columns,
// depth) if output_rows.
typedef struct ag_matmul {
	int compute, type, out; // type is of x and w, out of y, residual and bias
	uint64_t rows, depth, columns;
	int64_t ldx, ldw, ldy;
	int output_rows, relu;
} ag_matmul;

// ag_lt_plan is a product as the library knows it.
typedef struct ag_lt_plan { void *operation, *w, *x, *y; } ag_lt_plan;

ag_cublaslt *ag_lt_open(const char *path, const char **error);
void ag_lt_close(ag_cublaslt *c);
size_t ag_lt_version(const ag_cublaslt *c);
const char *ag_lt_name(const ag_cublaslt *c, int status);
const char *ag_lt_text(const ag_cublaslt *c, int status);

// All return 0, or 1 with a failure.
int ag_lt_create(ag_lt_place *at, ag_lt_failure *f);
int ag_lt_destroy(const ag_lt_place *at, ag_lt_failure *f);
int ag_lt_describe(const ag_lt_place *at, const ag_matmul *m, ag_lt_plan *p, ag_lt_failure *f);
void ag_lt_drop(const ag_lt_place *at, ag_lt_plan *p);
int ag_lt_find(const ag_lt_place *at, const ag_lt_plan *p, uint64_t workspace, uint64_t flags, ag_result *results, int most,
			   int *found, ag_lt_failure *f);
int ag_lt_check(const ag_lt_place *at, const ag_lt_plan *p, const ag_algo *algo, ag_result *result, ag_lt_failure *f);
int ag_lt_flags(const ag_lt_place *at, const ag_algo *algo, uint64_t *flags, ag_lt_failure *f);
int ag_lt_config(const ag_lt_place *at, const ag_algo *algo, int *id, int *tile, int *splits, ag_lt_failure *f);

// ag_lt_run sets the operation's bias, so that one thread at a time may call it
// with a plan.
int ag_lt_run(const ag_lt_place *at, const ag_lt_plan *p, const ag_algo *algo, uint64_t x, uint64_t w, uint64_t bias,
			  uint64_t residual, uint64_t y, uint64_t workspace, size_t bytes, void *stream, ag_lt_failure *f);
