//go:build nvidia

package cuda

import (
	"cmp"
	"math/bits"
	"slices"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
)

// pool counts a device's memory and keeps freed blocks, by size class, for the next allocation. The device's lock guards it, but for
// release.
type pool struct {
	stats   accel.MemStats
	scratch int64
	live    map[int64]int            // counted buffers by bytes
	free    map[int64][]cu.DevicePtr // blocks by class
}

func newPool() pool { return pool{live: map[int64]int{}, free: map[int64][]cu.DevicePtr{}} }

// class is the size of the block that n bytes get: a multiple of 512 bytes, above 4 KiB of an eighth of the power of two below.
func class(n int64) int64 {
	step := int64(512)
	if n > 4<<10 {
		step = 1 << (bits.Len64(uint64(n-1)) - 4)
	}
	return (n + step - 1) / step * step
}

// take gives a kept block of a class, or 0.
func (p *pool) take(class int64) cu.DevicePtr {
	blocks := p.free[class]
	if len(blocks) == 0 {
		return 0
	}
	last := len(blocks) - 1
	p.free[class] = blocks[:last]
	return blocks[last]
}

func (p *pool) keep(class int64, ptr cu.DevicePtr) { p.free[class] = append(p.free[class], ptr) }

// count enters a buffer of n bytes, or leaves it with by = -1.
func (p *pool) count(n int64, by int) {
	p.stats.Buffers += by
	p.stats.Live += n * int64(by)
	p.stats.Peak = max(p.stats.Peak, p.stats.Live)
	if p.live[n] += by; p.live[n] == 0 {
		delete(p.live, n)
	}
}

// release gives all kept blocks back to the driver, on the worker.
func (p *pool) release() error {
	var first error
	for _, blocks := range p.free {
		for _, ptr := range blocks {
			if err := cu.MemFree(ptr); first == nil {
				first = err
			}
		}
	}
	clear(p.free)
	return first
}

// largest are the sizes that take most.
func (p *pool) largest(n int) []Amount {
	var all []Amount
	for b, c := range p.live {
		all = append(all, Amount{b, c})
	}
	slices.SortFunc(all, func(a, b Amount) int {
		return cmp.Or(cmp.Compare(b.Bytes*int64(b.Count), a.Bytes*int64(a.Count)), cmp.Compare(b.Bytes, a.Bytes))
	})
	return all[:min(n, len(all))]
}
