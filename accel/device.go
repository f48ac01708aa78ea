package accel

// DType is the element type of a buffer.
type DType uint8

// The element types a kernel may read or write. Indices (token ids, class labels) are Int32.
const (
	Float32 DType = iota
	Int32
)

// Size is the number of bytes of one element.
func (t DType) Size() int { return 4 }

func (t DType) String() string {
	if t == Int32 {
		return "int32"
	}
	return "float32"
}

// Buffer is a piece of one device's memory. It belongs to the device that allocated it: handing it to
// another device, or using it after Free, is an error of that call.
type Buffer interface {
	DType() DType
	Len() int // elements
}

// Borrower is a device that computes in the host's memory: weights that nobody changes need no copy.
type Borrower interface {
	// Borrow makes data a buffer, which is only read: a launch or a copy that would write to it is an error. data must not change
	// until Free, and is not counted in Mem's bytes.
	Borrow(data []float32) (Buffer, error)
}

// Capturer is a device that can take a sequence of launches once and queue it again at the cost of one.
type Capturer interface {
	// Capture records what launch launches on s, and nothing of it runs. Kernels that have run before are sure to be captured; a
	// copy or a synchronisation in launch is an error. An error leaves s as it was.
	Capture(s Stream, launch func() error) (Graph, error)
}

// Graph is a captured sequence. Its launches keep their operands and attributes: what they read is what the buffers hold when they run.
type Graph interface {
	// Launch queues the sequence on the stream that it was captured on.
	Launch() error
	// Close ends the graph, once the stream has come past its last Launch. The buffers of its operands are freed after it.
	Close() error
}

// Tensor is a dense row-major view into a buffer: the operand of a kernel.
type Tensor struct {
	Buf   Buffer
	Off   int // first element
	Shape []int
}

// Len is the number of elements of t.
func (t Tensor) Len() int { return Volume(t.Shape) }

// Volume is the number of elements of a shape.
func Volume(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Kernel is a device's handle of one kernel, looked up by name when a program is compiled.
type Kernel interface {
	Name() string
}

// Caps says what a device is.
type Caps struct {
	Kind    string // "cpu" or "cuda"
	Model   string // "avx512", "avx2", "go", or the card's name
	Threads int    // worker threads of a CPU; streaming multiprocessors of a card
	Memory  int64  // bytes, 0 if unknown
}

// MemStats counts the bytes of live buffers.
type MemStats struct {
	Live, Peak int64
	Buffers    int
}

// Stream is a queue of copies and launches that run in order. Work on two streams is unordered unless an
// Event ties them.
type Stream interface {
	// Sync waits for all work queued so far and returns its first error.
	Sync() error
	// Record marks the point reached by the work queued so far.
	Record() (Event, error)
	// Wait holds back work queued later until e has been reached.
	Wait(e Event) error
}

// Event is a point in a stream.
type Event interface {
	Sync() error
}

// Device computes. It does not grow with operators: those are kernels, found by name.
//
// Ownership: buffers belong to the caller until Free. Order: copies and launches are queued on a stream and
// may return before they have run; host slices handed to CopyIn may be reused once it returns, CopyOut
// waits for the stream. Results do not depend on the number of threads or on the vector width.
// A device may be used by several goroutines; a stream by one at a time.
type Device interface {
	Name() string // "cpu", "cuda:0"
	Caps() Caps

	// Alloc returns n zeroed elements.
	Alloc(t DType, n int) (Buffer, error)
	Free(Buffer) error
	// CopyIn copies a []float32 or []int32 to dst, which starts at element dst.Off and holds at least len(src).
	CopyIn(s Stream, dst Tensor, src any) error
	// CopyOut copies src to a []float32 or []int32 of the same length.
	CopyOut(s Stream, dst any, src Tensor) error

	// Kernel finds a kernel; an unknown name is an error, never a fallback.
	Kernel(name string) (Kernel, error)
	// Launch runs k on out and in. attrs is the kernel's attribute struct from package kernel, by value.
	// out never overlaps in, unless the kernel's contract says that it updates in place.
	Launch(s Stream, k Kernel, attrs any, out, in []Tensor) error

	NewStream() (Stream, error)
	Mem() MemStats
	Close() error
}
