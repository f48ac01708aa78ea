//go:build nvidia

package cuda

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"gorgonia.org/cu"
)

// badData is a word on the card to which kernels write when they find data that they cannot compute with.
type badData struct {
	word  cu.DevicePtr
	host  []byte  // its copy, pinned
	kinds []check // a kernel writes the index of what it found here, from 1 on
}

// check is something that a kernel looks for.
type check struct{ kernel, finding string }

func (b *badData) open() (err error) {
	if b.word, err = cu.MemAlloc(4); err != nil {
		return err
	}
	if b.host, err = hostBytes(4); err != nil {
		return err
	}
	return cu.MemsetD32(b.word, 0, 1)
}

func (b *badData) close() {
	_ = cu.MemFree(b.word)
	_ = cu.MemFreeHost(unsafe.Pointer(&b.host[0]))
}

// tag is what a kernel writes for a finding.
func (b *badData) tag(c check) int {
	for i, k := range b.kinds {
		if k == c {
			return i + 1
		}
	}
	b.kinds = append(b.kinds, c)
	return len(b.kinds)
}

// fetch copies the word, if any kernel may have written it, and clears it.
func (b *badData) fetch(s cu.Stream) error {
	if len(b.kinds) == 0 {
		return nil
	}
	if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&b.host[0]), b.word, 4, s); err != nil {
		return err
	}
	return cu.MemsetD32Async(b.word, 0, 1, s)
}

// found is the finding that was fetched.
func (b *badData) found(d *Device) error {
	if len(b.kinds) == 0 {
		return nil
	}
	i := binary.NativeEndian.Uint32(b.host)
	if i == 0 {
		return nil
	}
	k := b.kinds[i-1]
	return &LaunchError{Device: d.Name(), Kernel: k.kernel, Err: errors.New(k.finding)}
}
