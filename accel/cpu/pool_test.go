package cpu

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestPoolVisitsEachIndexOnceInFixedChunks(t *testing.T) {
	for _, threads := range []int{1, 2, 8} {
		p := newPool(threads)
		for _, c := range []struct{ n, grain int }{{0, 4}, {1, 4}, {4, 4}, {5, 4}, {1000, 7}, {10, 0}} {
			visits := make([]int32, c.n)
			p.run(c.n, c.grain, func(lo, hi int) {
				grain := max(c.grain, 1)
				if lo%grain != 0 || hi != min(lo+grain, c.n) {
					t.Errorf("%d threads: [%d, %d) is not a chunk of %d by %d", threads, lo, hi, c.n, c.grain)
				}
				for i := lo; i < hi; i++ {
					atomic.AddInt32(&visits[i], 1)
				}
			})
			for i, v := range visits {
				if v != 1 {
					t.Errorf("%d threads: index %d of %d was visited %d times", threads, i, c.n, v)
				}
			}
		}
		p.close()
	}
}

func TestPoolRunsInsideRunAndFromManyGoroutines(t *testing.T) {
	p := newPool(4)
	defer p.close()
	var total atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				p.run(10, 1, func(int, int) {
					p.run(10, 1, func(int, int) { total.Add(1) })
				})
			}
		})
	}
	wg.Wait()
	if total.Load() != 8*50*100 {
		t.Errorf("%d calls, want %d", total.Load(), 8*50*100)
	}
}

func TestPoolRaisesAPanicInTheCaller(t *testing.T) {
	for _, threads := range []int{1, 4} {
		p := newPool(threads)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d threads: the panic was lost", threads)
				}
			}()
			p.run(100, 1, func(lo, _ int) {
				if lo == 50 {
					panic("boom")
				}
			})
		}()
		done := 0
		p.run(1, 1, func(int, int) { done++ })
		if done != 1 {
			t.Errorf("%d threads: the pool is broken after a panic", threads)
		}
		p.close()
	}
}
