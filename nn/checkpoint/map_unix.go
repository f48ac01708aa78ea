//go:build linux || darwin || freebsd

package checkpoint

import (
	"fmt"
	"math"
	"os"
	"syscall"
)

// mapFile gives the bytes of a file for reading: pages of it come in when they are looked at, and go when memory is short.
func mapFile(f *os.File, size int64) (data []byte, unmap func() error, err error) {
	if size > math.MaxInt {
		return nil, nil, fmt.Errorf("%d bytes are more than this machine can address", size)
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping the file: %w", err)
	}
	return data, func() error { return syscall.Munmap(data) }, nil
}
