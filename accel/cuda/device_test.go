//go:build nvidia

package cuda

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/acceltest"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func TestDeviceKeepsTheContract(t *testing.T) {
	acceltest.Run(t, func() accel.Device { return open(t) })
}

func open(t *testing.T) *Device {
	t.Helper()
	d, err := Open(0, Float32)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	return d.(*Device)
}

func newStream(t *testing.T, d *Device) *stream {
	t.Helper()
	s, err := d.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	return s.(*stream)
}

func alloc(t *testing.T, d *Device, typ accel.DType, n int) accel.Tensor {
	t.Helper()
	b, err := d.Alloc(typ, n)
	if err != nil {
		t.Fatal(err)
	}
	return accel.Tensor{Buf: b, Shape: []int{n}}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestCopiesLargerThanAPieceComeBack(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	n := mostPart/4*5 + 3 // more pieces than the ring has
	x := alloc(t, d, accel.Float32, n)
	src, got := make([]float32, n), make([]float32, n)
	for i := range src {
		src[i] = float32(i % 8191)
	}
	must(t, d.CopyIn(s, x, src), d.CopyOut(s, got, x))
	for i, v := range got {
		if v != float32(i%8191) {
			t.Fatalf("element %d came back as %g", i, v)
		}
	}
	must(t, d.Free(x.Buf), d.Close())
}

// Pieces are used again while the worker has yet to copy from them.
func TestManyCopiesBehindABusyWorkerKeepWhatTheyTook(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	xs := make([]accel.Tensor, 3*pieces)
	for i := range xs {
		xs[i] = alloc(t, d, accel.Float32, 4)
		must(t, d.CopyIn(s, xs[i], []float32{-1})) // so that all pieces are there
	}
	busy := make(chan struct{})
	d.post(func() { <-busy })
	time.AfterFunc(50*time.Millisecond, func() { close(busy) })
	for i, x := range xs {
		must(t, d.CopyIn(s, x, []float32{float32(i), 0, 0, 0}))
	}
	for i, x := range xs {
		got := make([]float32, 4)
		must(t, d.CopyOut(s, got, x), d.Free(x.Buf))
		if got[0] != float32(i) {
			t.Errorf("copy %d holds %g", i, got[0])
		}
	}
	must(t, d.Close())
}

func TestStreamsOfTwoGoroutinesRunBesideEachOther(t *testing.T) {
	d := open(t)
	var wait sync.WaitGroup
	for g := range 2 {
		s, x, y := newStream(t, d), alloc(t, d, accel.Float32, 1000), alloc(t, d, accel.Float32, 1000)
		k, err := d.Kernel("scale")
		must(t, err)
		wait.Go(func() {
			host := make([]float32, 1000)
			for step := range 50 {
				for i := range host {
					host[i] = float32(step + g)
				}
				err := errors.Join(d.CopyIn(s, x, host), d.Launch(s, k, kernel.Scale{Factor: 2}, []accel.Tensor{y}, []accel.Tensor{x}), d.CopyOut(s, host, y))
				if err != nil {
					t.Error(err)
				}
				if host[999] != float32(2*(step+g)) {
					t.Errorf("step %d of goroutine %d gives %g", step, g, host[999])
				}
			}
			if err := errors.Join(d.Free(x.Buf), d.Free(y.Buf)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	must(t, d.Close())
}

func TestFreedMemoryServesTheNextAllocation(t *testing.T) {
	d := open(t)
	x := alloc(t, d, accel.Float32, 5000)
	at := pointer(x)
	must(t, d.Free(x.Buf))
	if y := alloc(t, d, accel.Float32, 5001); pointer(y) != at {
		t.Error("a block of the same class was not used again")
	} else {
		must(t, d.Free(y.Buf))
	}
	must(t, d.Close())
}

func TestAReusedBlockWaitsForWorkOfItsLastOwnerOnAnyStream(t *testing.T) {
	d := open(t)
	first, second := newStream(t, d), newStream(t, d)
	k, err := d.Kernel("scale")
	must(t, err)
	const n = 1 << 12
	from := alloc(t, d, accel.Float32, n)
	must(t, d.CopyIn(first, from, slices.Repeat([]float32{1}, n)))
	for round := range 20 {
		x := alloc(t, d, accel.Float32, n)
		must(t, d.Launch(first, k, kernel.Scale{Factor: 3}, []accel.Tensor{x}, []accel.Tensor{from}), d.Free(x.Buf))
		y := alloc(t, d, accel.Float32, n)
		if pointer(x) != pointer(y) {
			t.Fatal("the block was not used again")
		}
		want := slices.Repeat([]float32{float32(round)}, n)
		got := make([]float32, n)
		must(t, d.CopyIn(second, y, want), first.Sync(), d.CopyOut(second, got, y), d.Free(y.Buf))
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: the first owner's launch overwrote the second's data", round)
		}
	}
	must(t, d.Free(from.Buf), d.Close())
}

// TestTheNextBatchIsCopiedBesideTheLastOnesKernels is how batches are prefetched: two buffers, a stream for copies, events both ways.
func TestTheNextBatchIsCopiedBesideTheLastOnesKernels(t *testing.T) {
	d := open(t)
	compute, copies := newStream(t, d), newStream(t, d)
	k, err := d.Kernel("scale")
	must(t, err)
	const n = 1 << 10
	batch := [2]accel.Tensor{alloc(t, d, accel.Float32, n), alloc(t, d, accel.Float32, n)}
	y := alloc(t, d, accel.Float32, n)
	var filled, used [2]accel.Event
	fill := func(step int) {
		if used[step%2] != nil {
			must(t, copies.Wait(used[step%2]))
		}
		must(t, d.CopyIn(copies, batch[step%2], slices.Repeat([]float32{float32(step)}, n)))
		filled[step%2], err = copies.Record()
		must(t, err)
	}
	fill(0)
	for step := range 10 {
		must(t, compute.Wait(filled[step%2]))
		must(t, d.Launch(compute, k, kernel.Scale{Factor: 2}, []accel.Tensor{y}, []accel.Tensor{batch[step%2]}))
		used[step%2], err = compute.Record()
		must(t, err)
		fill(step + 1)
		got := make([]float32, n)
		must(t, d.CopyOut(compute, got, y))
		if got[0] != float32(2*step) || got[n-1] != float32(2*step) {
			t.Fatalf("step %d gives %g and %g", step, got[0], got[n-1])
		}
	}
	must(t, d.Free(batch[0].Buf), d.Free(batch[1].Buf), d.Free(y.Buf), d.Close())
}

// small gives the double little memory; a card has what it has.
func small(t *testing.T) { t.Setenv("FAKECUDA_MEM", "67108864") }

func TestKeptBlocksGiveWayToAnotherSize(t *testing.T) {
	small(t)
	d := open(t)
	n := int(d.Caps().Memory / 8 * 3 / 4) // 3/8 of the card
	for _, n := range []int{n, n + n/4, n + n/2} {
		x, y := alloc(t, d, accel.Float32, n), alloc(t, d, accel.Float32, 10)
		must(t, d.Free(x.Buf), d.Free(y.Buf))
	}
	must(t, d.Close())
}

func TestOutOfMemoryTellsWhatHoldsIt(t *testing.T) {
	small(t)
	d := open(t)
	x, y := alloc(t, d, accel.Float32, 1<<20), alloc(t, d, accel.Float32, 10)
	_, err := d.Alloc(accel.Float32, int(d.Caps().Memory/4))
	var oom *OutOfMemoryError
	if !errors.As(err, &oom) {
		t.Fatalf("error is %v", err)
	}
	if oom.Live != 4<<20+40 || oom.Buffers != 2 || oom.Largest[0] != (Amount{4 << 20, 1}) || oom.Total == 0 {
		t.Errorf("the report is %+v", oom)
	}
	for _, want := range []string{"cuda:0 is out of memory", "4.0 MiB in 2", "smaller batch", "1 x 4.0 MiB"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message does not say %q:\n%v", want, err)
		}
	}
	must(t, d.CopyIn(newStream(t, d), x, []float32{1}), d.Free(x.Buf), d.Free(y.Buf), d.Close()) // it is no fault
}

func TestAFaultNamesTheKernelAndStays(t *testing.T) {
	if !inChild() { // a card is lost to the process that has made it fail
		runChild(t)
		return
	}
	d := open(t)
	s := newStream(t, d)
	x := alloc(t, d, accel.Float32, 3)
	l := &launch{dev: d, stream: s, entry: table["scale"], out: []accel.Tensor{x}}
	d.remember(l.queued())
	must(t, l.run("scale", each(3), none{}, none{}, float32(2), 3)) // reads address 0
	err := s.Sync()
	var fault *FaultError
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "scale [3]") || !strings.Contains(err.Error(), "cuda:0") {
		t.Errorf("error is %v", err)
	}
	if err := d.CopyIn(s, x, []float32{1}); !errors.As(err, &fault) {
		t.Errorf("the next copy says %v", err)
	}
	if _, err := d.Alloc(accel.Float32, 1); !errors.As(err, &fault) {
		t.Errorf("the next allocation says %v", err)
	}
	must(t, d.Free(x.Buf), d.Close())
}

// inChild tells whether runChild runs this process.
func inChild() bool { return os.Getenv("CUDA_TEST_CHILD") != "" }

// runChild runs the test in a process of its own, which must pass, and returns what it prints.
func runChild(t *testing.T, env ...string) string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	child.Env = append(append(os.Environ(), "CUDA_TEST_CHILD=yes"), env...)
	out, err := child.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

func TestALaunchThatTheDriverRefusesIsToldOnce(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	x := alloc(t, d, accel.Float32, 3)
	l := &launch{dev: d, stream: s, entry: table["scale"], out: []accel.Tensor{x}}
	must(t, l.run("scale", grid{blocks: [3]int{1}, threads: [3]int{2048}}, x, x, float32(2), 3)) // twice what a block may have
	var failed *LaunchError
	if err := s.Sync(); !errors.As(err, &failed) || failed.Kernel != "scale" || failed.Shapes != "[3] <-" {
		t.Errorf("error is %v", err)
	}
	must(t, s.Sync(), d.Free(x.Buf), d.Close())
}

func TestMoreThan48KiBOfSharedMemoryAreAskedFor(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	x, y := alloc(t, d, accel.Float32, 3), alloc(t, d, accel.Float32, 3)
	l := &launch{dev: d, stream: s, entry: table["scale"]}
	g := each(3)
	g.shared = 64 << 10
	must(t, d.CopyIn(s, x, []float32{1, 2, 3}), l.run("scale", g, y, x, float32(2), 3), s.Sync())
	g.shared = d.maxShared + 1
	if err := l.run("scale", g, y, x, float32(2), 3); err == nil || !strings.Contains(err.Error(), "shared memory") {
		t.Errorf("error is %v", err)
	}
	must(t, d.Free(x.Buf), d.Free(y.Buf), d.Close())
}

func TestArgumentsMustBeTheFunctionsParameters(t *testing.T) {
	d := open(t)
	x := alloc(t, d, accel.Float32, 3)
	l := &launch{dev: d, stream: newStream(t, d), entry: table["scale"]}
	for _, c := range []struct {
		want string
		args []any
	}{
		{"has the parameters [u64 u64 f32 u32]", []any{x, x, 3, float32(2)}},
		{"has the parameters", []any{x, x, float32(2)}},
		{"is float32, want int32", []any{x, ints(x), float32(2), 3}},
		{"32 bits", []any{x, x, float32(2), 1 << 40}},
		{"takes no float64", []any{x, x, 2.0, 3}},
	} {
		if err := l.run("scale", each(3), c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: error is %v, want %q", c.args, err, c.want)
		}
	}
	if err := l.run("no_such_function", each(3)); err == nil || !strings.Contains(err.Error(), "no_such_function") {
		t.Errorf("error is %v", err)
	}
	must(t, d.Free(x.Buf), d.Close())
}

func TestALabelOutOfRangeIsAnErrorOfTheNextSync(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	logits, labels, loss := alloc(t, d, accel.Float32, 6), alloc(t, d, accel.Int32, 2), alloc(t, d, accel.Float32, 1)
	logits.Shape, loss.Shape = []int{2, 3}, []int{}
	k, err := d.Kernel("cross_entropy")
	must(t, err)
	run := func(label int32) error {
		must(t, d.CopyIn(s, labels, []int32{1, label}))
		must(t, d.Launch(s, k, kernel.CrossEntropy{}, []accel.Tensor{loss}, []accel.Tensor{logits, labels}))
		return s.Sync()
	}
	must(t, run(2))
	if err := run(3); err == nil || !strings.Contains(err.Error(), "cross_entropy: a label is not below") {
		t.Errorf("label 3 of 3 classes: %v", err)
	}
	must(t, run(-1), d.Free(logits.Buf), d.Free(labels.Buf), d.Free(loss.Buf), d.Close())
}

func TestEveryFunctionIsInOneFile(t *testing.T) {
	if _, err := sources(); err != nil {
		t.Error(err)
	}
}

func TestOpenSaysWhyThereIsNoCard(t *testing.T) {
	if inChild() {
		_, err := Open(0, Float32)
		if !errors.Is(err, ErrNoDevice) {
			t.Fatalf("error is %v", err)
		}
		t.Log(err)
		return
	}
	broken := t.TempDir()
	must(t, os.WriteFile(filepath.Join(broken, "libcuda.so.1"), nil, 0o644))
	for _, c := range []struct{ env, want string }{
		{"LD_LIBRARY_PATH=" + broken, "no NVIDIA driver: "}, // the library is no library
		{"FAKECUDA_DEVICES=0", "no CUDA device: "},          // the driver finds no card
	} {
		if out := runChild(t, "CUDA_VISIBLE_DEVICES=", c.env); !strings.Contains(out, c.want) {
			t.Errorf("wanted %q in\n%s", c.want, out)
		}
	}
}
