package cpu

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// pool runs index ranges on persistent worker goroutines. The caller of run works too, so a pool of one thread has no
// workers, and a kernel may call run from inside run without deadlock.
type pool struct {
	threads int
	jobs    chan *job
	once    sync.Once
}

// job is one call of run.
type job struct {
	f        func(lo, hi int)
	n, grain int
	chunks   int64
	next     atomic.Int64 // the next chunk to take
	left     atomic.Int64 // chunks that have not ended
	done     chan struct{}
	failure  atomic.Pointer[failure] // first panic of a chunk
}

type failure struct{ value any }

func newPool(threads int) *pool {
	p := &pool{threads: threads, jobs: make(chan *job, threads)}
	for range threads - 1 {
		go func() {
			for j := range p.jobs {
				j.work()
			}
		}()
	}
	return p
}

func (p *pool) close() {
	p.once.Do(func() { close(p.jobs) })
}

// run calls f on [0, n) in chunks [i*grain, min((i+1)*grain, n)), in any order and at the same time. Where chunks begin
// depends on n and grain only. It returns when all have ended; a panic in f is raised again here.
func (p *pool) run(n, grain int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	grain = max(grain, 1)
	chunks := (n + grain - 1) / grain
	if chunks == 1 || p.threads == 1 {
		for lo := 0; lo < n; lo += grain {
			f(lo, min(lo+grain, n))
		}
		return
	}
	j := &job{f: f, n: n, grain: grain, chunks: int64(chunks), done: make(chan struct{})}
	j.left.Store(int64(chunks))
	p.invite(j, min(p.threads, chunks)-1)
	j.work()
	<-j.done
	if e := j.failure.Load(); e != nil {
		panic(e.value)
	}
}

// invite offers j to some workers. A worker that comes late finds nothing left to take.
func (p *pool) invite(j *job, workers int) {
	for range workers {
		select {
		case p.jobs <- j:
		default: // all workers have more than enough to do
			return
		}
	}
}

// work takes chunks until none is left.
func (j *job) work() {
	for {
		i := j.next.Add(1) - 1
		if i >= j.chunks {
			return
		}
		j.chunk(int(i))
		if j.left.Add(-1) == 0 {
			close(j.done)
		}
	}
}

func (j *job) chunk(i int) {
	defer func() {
		if r := recover(); r != nil {
			j.failure.CompareAndSwap(nil, &failure{fmt.Sprint(r)})
		}
	}()
	lo := i * j.grain
	j.f(lo, min(lo+j.grain, j.n))
}
