// Package cuda is an NVIDIA card as an accel.Device. It is built by `make cuda` (-tags nvidia, cgo); without the tag Open says so.
//
// # Layers
//
// gorgonia.org/cu calls the driver; package drv holds what cu lacks and lets one binary start with and without a driver. Nothing
// else of CUDA is needed to build; cuBLAS is used where it is installed. Kernels are written once, in kernels/*.cu, compiled by
// clang to kernels/*.ptx (`make ptx`), checked in and embedded; the driver compiles PTX for its card when a kernel of the file is
// first launched.
//
// # Threads and streams
//
// A device has one worker, a goroutine locked to an OS thread that holds the context: every driver call but waiting is a request in
// its queue (worker.go), and runs in the order of requests. What can be checked is checked by the caller before; a launch is then
// posted and not waited for. Waiting is done by the caller on its own thread, so that one goroutine's Sync holds up nobody else's work.
//
// Every accel.Stream is a CUDA stream that is ordered with the null stream. Alloc zeroes on the null stream, which puts a reused block
// behind all that was queued before on any stream; so allocate when a program is compiled and not while it runs. Copies go through
// pinned pieces that a stream owns (staging.go), so host slices may be reused at once and copies overlap with another stream's kernels.
// A training hands the next batch over while its program runs: only the transfer, of a millisecond or two, waits for the program.
//
// # Kernels
//
// A kernel of package accel/kernel is registered by the Go file of its family: a function that checks shapes, picks a grid, and
// launches one or more functions of a .cu file with launch.run, which compares the arguments with the parameters in the PTX. A
// function is named as the kernel, with _ for the point. Scratch (launch.scratch) belongs to the stream and holds until the next
// launch of a kernel on it. A function that finds bad data (a label out of range) writes its tag to a word of the stream, and the
// next Sync says so (finding.go). Kernels compute exp, log and the normal distribution by the CPU's polynomials, divide and take
// roots as IEEE says, and so are as near to float64 as the CPU's.
//
// Sums have a fixed order (block_sum in gk.h, no atomics on floats), so a run repeats itself bit for bit on one card; other bits than
// the CPU's are allowed, the distance to float64 is held by nn/op/optest. An operand holds fewer than 2^30 elements: kernels count in int.
//
// # Graphs
//
// Device.Capture makes a CUDA graph of a program's launches, which is then queued by one call. What a stream is handed in the meantime is gathered,
// and captured in one request of the worker. A graph has the stream's scratch and word of findings; scratch that it has seen is kept until it
// is closed. cuBLAS keeps its work space in the graph. A driver that refuses is no failure: accel.Repeated launches one by one then.
//
// # Errors
//
// An error names the device, the kernel and its shapes. OutOfMemoryError carries a table of what holds the memory. A FaultError (an illegal
// address, say) is found at a later synchronisation, names the kernels launched since the last one, and is sticky: the context is
// lost, and every later call returns it. Run again with CUDA_LAUNCH_BLOCKING=1 to have the one kernel named.
package cuda
