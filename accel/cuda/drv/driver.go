//go:build nvidia

package drv

/*
#cgo CFLAGS: -I${SRCDIR}/include
#include "cuda.h"
const char *pipe_cuda_reason(void);
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Reason says why the driver gives no device, or nothing if it runs. It is known once the number of devices has been asked for.
func Reason() string { return C.GoString(C.pipe_cuda_reason()) }

// HostAlloc allocates n bytes of pinned host memory; cu.MemFreeHost frees it.
func HostAlloc(n int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	r := C.cuMemHostAlloc(&p, C.size_t(n), 0)
	return p, result(r)
}

// SetDynamicShared lets launches of f have up to n bytes of dynamic shared memory, which above 48 KiB must be asked for.
func SetDynamicShared(f cu.Function, n int) error {
	return result(C.cuFuncSetAttribute(*(*C.CUfunction)(unsafe.Pointer(&f)), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(n)))
}

// MaxSharedOptin is the attribute that says how much SetDynamicShared may ask for.
const MaxSharedOptin = cu.DeviceAttribute(C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)

// BeginCapture starts to record what is queued on s, in place of running it.
func BeginCapture(s cu.Stream) error {
	return result(C.cuStreamBeginCapture(stream(s), C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
}

// EndCapture ends the record.
func EndCapture(s cu.Stream) (cu.Graph, error) {
	var g cu.Graph
	r := C.cuStreamEndCapture(stream(s), (*C.CUgraph)(unsafe.Pointer(&g)))
	return g, result(r)
}

// Instantiate makes a graph ready to launch.
func Instantiate(g cu.Graph) (cu.ExecGraph, error) {
	var e cu.ExecGraph
	r := C.cuGraphInstantiateWithFlags((*C.CUgraphExec)(unsafe.Pointer(&e)), *(*C.CUgraph)(unsafe.Pointer(&g)), 0)
	return e, result(r)
}

// LaunchGraph queues all that e holds on s.
func LaunchGraph(e cu.ExecGraph, s cu.Stream) error {
	return result(C.cuGraphLaunch(*(*C.CUgraphExec)(unsafe.Pointer(&e)), stream(s)))
}

// stream is s as this package's C sees it: cu's handles are structs of one C pointer.
func stream(s cu.Stream) C.CUstream { return *(*C.CUstream)(unsafe.Pointer(&s)) }

// result is r as cu's own error, nil for success, so that errors.Is finds cu.OutOfMemory and the others.
func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return as(cu.Success, int(r))
}

// as converts to the type of cu's results, which has no exported name.
func as[T interface {
	~int
	error
}](_ T, r int) error {
	return T(r)
}

// Code is the driver's number of an error that came from cu or from this package; 0 for other errors and nil.
func Code(err error) int { return code(cu.Success, err) }

func code[T interface {
	~int
	error
}](r T, err error) int {
	errors.As(err, &r)
	return int(r)
}

// Error is a failure of the driver with its name and text.
type Error struct {
	Name, Text string
	Err        error // cu's
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (error %d of the driver)", e.Name, e.Text, Code(e.Err))
}

func (e *Error) Unwrap() error { return e.Err }

// Explain turns an error of the driver into an Error; others stay as they are.
func Explain(err error) error {
	r := Code(err)
	var known *Error
	if r == 0 || errors.As(err, &known) {
		return err
	}
	var name, text *C.char
	if C.cuGetErrorName(C.CUresult(r), &name) != C.CUDA_SUCCESS || C.cuGetErrorString(C.CUresult(r), &text) != C.CUDA_SUCCESS {
		return &Error{"unknown", err.Error(), err}
	}
	return &Error{C.GoString(name), C.GoString(text), err}
}
