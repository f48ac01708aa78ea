package cuda

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoDevice is wrapped by what Open returns on a machine or a binary without CUDA.
var ErrNoDevice = errors.New("no CUDA device")

// LaunchError is a failure of one launch or copy.
type LaunchError struct {
	Device, Kernel string
	Shapes         string // "[2 3] <- [2 4] [3 4]": outputs and inputs
	Err            error
}

func (e *LaunchError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s", e.Device, e.Kernel, e.Shapes)) + ": " + e.Err.Error()
}

func (e *LaunchError) Unwrap() error { return e.Err }

// FaultError is a failure after which a card's context is lost: the device returns it from every later call.
type FaultError struct {
	Device   string
	Launches []string // the kernels that may be its cause, the latest last
	Err      error
}

func (f *FaultError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s has failed and holds nothing any more: %v", f.Device, f.Err)
	if len(f.Launches) == 1 {
		fmt.Fprintf(&b, "; the kernel was %s", f.Launches[0])
	} else if len(f.Launches) > 1 {
		fmt.Fprintf(&b, "; the kernel is one of %s (CUDA_LAUNCH_BLOCKING=1 tells which)", strings.Join(f.Launches, ", "))
	}
	return b.String()
}

func (f *FaultError) Unwrap() error { return f.Err }

// OutOfMemoryError is an allocation that a card has no room for, after all that was cached has been given back. Bytes throughout.
type OutOfMemoryError struct {
	Device      string
	Want        int64
	Free, Total int64 // of the card, other processes included
	Live, Peak  int64 // of this device's buffers, now and at most
	Buffers     int
	Scratch     int64    // work space of kernels
	Largest     []Amount // the sizes that take most, the greatest first
}

// Amount is a number of buffers of one size.
type Amount struct {
	Bytes int64
	Count int
}

func (e *OutOfMemoryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is out of memory: %s wanted; take a smaller batch or another card\n", e.Device, size(e.Want))
	fmt.Fprintf(&b, "  card       %s, %s of it free\n", size(e.Total), size(e.Free))
	fmt.Fprintf(&b, "  buffers    %s in %d, at most %s\n", size(e.Live), e.Buffers, size(e.Peak))
	fmt.Fprintf(&b, "  scratch    %s\n", size(e.Scratch))
	fmt.Fprintf(&b, "  others     %s (other processes, the driver)", size(max(0, e.Total-e.Free-e.Live-e.Scratch)))
	for _, a := range e.Largest {
		fmt.Fprintf(&b, "\n  of these   %d x %s", a.Count, size(a.Bytes))
	}
	return b.String()
}

// size prints bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}
