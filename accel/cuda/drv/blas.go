//go:build nvidia

package drv

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
	int (*create)(void **);
	int (*destroy)(void *);
	int (*stream)(void *, void *);
	int (*math)(void *, int);
	int (*property)(int, int *);
	int (*gemm)(void *h, int ta, int tb, int m, int n, int k, const void *alpha, uint64_t a, int type_a, int lda, int64_t sa, uint64_t b,
	               int type_b, int ldb, int64_t sb, const void *beta, uint64_t c, int type_c, int ldc, int64_t sc, int count, int compute,
	               int algorithm);
} blas_calls;

static blas_calls blas;

static const char *blas_open(void) {
	static char text[512];
	static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"};
	void *lib = NULL;
	for (int i = 0; i < 3 && !lib; i++)
		lib = dlopen(names[i], RTLD_NOW);
	if (!lib) {
		snprintf(text, sizeof text, "libcublas.so.13, 12 and 11 are not found: %s", dlerror());
		return text;
	}
	*(void **)&blas.create = dlsym(lib, "cublasCreate_v2");
	*(void **)&blas.destroy = dlsym(lib, "cublasDestroy_v2");
	*(void **)&blas.stream = dlsym(lib, "cublasSetStream_v2");
	*(void **)&blas.math = dlsym(lib, "cublasSetMathMode");
	*(void **)&blas.gemm = dlsym(lib, "cublasGemmStridedBatchedEx");
	*(void **)&blas.property = dlsym(lib, "cublasGetProperty");
	return blas.create && blas.destroy && blas.stream && blas.math && blas.property && blas.gemm ? NULL : "libcublas lacks a function";
}

static int blas_create(void **h) { return blas.create(h); }
static int blas_destroy(void *h) { return blas.destroy(h); }
static int blas_stream(void *h, void *s) { return blas.stream(h, s); }
static int blas_math(void *h, int mode) { return blas.math(h, mode); }
static int blas_property(int which, int *value) { return blas.property(which, value); }
static int blas_gemm(void *h, int ta, int tb, int m, int n, int k, float alpha, uint64_t a, int lda, int64_t sa, uint64_t b, int ldb, int64_t sb, float beta, uint64_t c, int ldc, int64_t sc, int count, int compute) {
	return blas.gemm(h, ta, tb, m, n, k, &alpha, a, 0, lda, sa, b, 0, ldb, sb, &beta, c, 0, ldc, sc, count, compute, -1); // CUDA_R_32F, default algorithm
}
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// openBLAS finds the library once; the text says what is missing.
var openBLAS = sync.OnceValue(func() string { return C.GoString(C.blas_open()) })

// BLAS is a cuBLAS handle. TF32 is off.
type BLAS struct{ handle unsafe.Pointer }

// ErrNoBLAS is wrapped by what NewBLAS returns where cuBLAS is not installed.
var ErrNoBLAS = errors.New("no cuBLAS")

// BLASVersion is the version of cuBLAS, "12.4.5". The error wraps ErrNoBLAS where it is not installed.
func BLASVersion() (string, error) {
	if missing := openBLAS(); missing != "" {
		return "", fmt.Errorf("%w: %s", ErrNoBLAS, missing)
	}
	var version [3]C.int // MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL
	for i := range version {
		if r := C.blas_property(C.int(i), &version[i]); r != 0 {
			return "", fmt.Errorf("cublasGetProperty: status %d", r)
		}
	}
	return fmt.Sprintf("%d.%d.%d", version[0], version[1], version[2]), nil
}

// NewBLAS opens cuBLAS for work on s in the current context.
func NewBLAS(s cu.Stream) (*BLAS, error) {
	if missing := openBLAS(); missing != "" {
		return nil, fmt.Errorf("%w: %s", ErrNoBLAS, missing)
	}
	b := &BLAS{}
	r := C.blas_create(&b.handle)
	if r != 0 {
		return nil, fmt.Errorf("cublasCreate: status %d", r)
	}
	if r := C.blas_math(b.handle, 0); r != 0 { // CUBLAS_DEFAULT_MATH
		return nil, fmt.Errorf("cublasSetMathMode: status %d", r)
	}
	if r := C.blas_stream(b.handle, unsafe.Pointer(s.C())); r != 0 {
		return nil, fmt.Errorf("cublasSetStream: status %d", r)
	}
	return b, nil
}

// Close frees the handle.
func (b *BLAS) Close() error {
	if r := C.blas_destroy(b.handle); r != 0 {
		return fmt.Errorf("cublasDestroy: status %d", r)
	}
	return nil
}

// Matrix is an operand of a product: row-major, rows Stride elements apart, the next one of a batch Batch elements on.
type Matrix struct {
	Ptr    cu.DevicePtr
	Stride int
	Batch  int
	Trans  bool // the operand is the transpose of what is stored
}

// Compute is what a product is computed in, as cuBLAS numbers it. Operands, result and sums are float32 in each.
type Compute int

// The precisions of products.
const (
	Float32  Compute = 68 // CUBLAS_COMPUTE_32F
	BFloat16 Compute = 75 // CUBLAS_COMPUTE_32F_FAST_16BF: operands are rounded to bfloat16, for tensor cores
)

// Gemm is c = alpha a b + beta c for count products of [m, k] and [k, n]. cuBLAS thinks by columns, so it computes c^T = b^T a^T.
func (b *BLAS) Gemm(in Compute, m, n, k int, alpha float32, x, y Matrix, beta float32, c Matrix, count int) error {
	r := C.blas_gemm(b.handle, trans(y), trans(x), C.int(n), C.int(m), C.int(k), C.float(alpha), C.uint64_t(y.Ptr), C.int(y.Stride), C.int64_t(y.Batch),
		C.uint64_t(x.Ptr), C.int(x.Stride), C.int64_t(x.Batch), C.float(beta), C.uint64_t(c.Ptr), C.int(c.Stride), C.int64_t(c.Batch), C.int(count), C.int(in))
	if r != 0 {
		return fmt.Errorf("cuBLAS product of [%d %d] and [%d %d]: status %d", m, k, k, n, r)
	}
	return nil
}

func trans(m Matrix) C.int {
	if m.Trans {
		return 1
	}
	return 0
}
