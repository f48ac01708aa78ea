//go:build nvidia

package cuda

import (
	"errors"
	"runtime"

	"gorgonia.org/cu"
)

var errClosed = errors.New("the device is closed")

// queued is the number of requests that may wait, so that checking runs ahead of the driver.
const queued = 1024

// worker is the thread that holds a device's context and makes its driver calls.
type worker struct {
	requests chan func()
	gone     chan struct{} // closed when the thread has ended
	ctx      cu.CUContext
}

// start makes the context on a thread of its own.
func (w *worker) start(card cu.Device) error {
	w.requests, w.gone = make(chan func(), queued), make(chan struct{})
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(w.gone)
		var err error
		w.ctx, err = card.MakeContext(cu.SchedBlockingSync)
		ready <- err
		if err != nil {
			return
		}
		for f := range w.requests {
			if f == nil {
				return
			}
			f()
		}
	}()
	return <-ready
}

// post queues f; after the worker's end it does nothing.
func (w *worker) post(f func()) {
	select {
	case w.requests <- f:
	case <-w.gone:
	}
}

// call runs f on the worker and returns its error.
func (w *worker) call(f func() error) error {
	reply := make(chan error, 1)
	w.post(func() { reply <- f() })
	select {
	case err := <-reply:
		return err
	case <-w.gone:
		return errClosed
	}
}

// stop ends the worker after f, its last request.
func (w *worker) stop(f func() error) error {
	err := w.call(f)
	w.post(nil)
	<-w.gone
	return err
}

// wait blocks the calling goroutine until e is reached, beside the worker.
func (w *worker) wait(e cu.Event) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(w.ctx); err != nil {
		return err
	}
	return e.Synchronize()
}
