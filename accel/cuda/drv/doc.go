// Package drv is what gorgonia.org/cu lacks of the CUDA driver, and what it needs to be built and started anywhere.
//
//   - include/cuda.h declares the driver by hand: no toolkit is needed to build.
//   - trampolines/ is a libcuda.a that opens the real library when it is first asked for devices. `make cuda` links it, so that one
//     binary starts with and without a driver; Reason says why there are no devices. internal/gen writes its list of names from
//     cuda.h (go generate).
//   - The functions here are the missing calls: pinned memory, large shared memory, capture and graphs, texts of errors.
//   - BLAS is cuBLAS 13, 12 or 11, opened when asked for.
//
// All of it needs `-tags nvidia` and the flags of `make cuda`. Calls are made on the thread that holds the context.
package drv

//go:generate go run ./internal/gen
