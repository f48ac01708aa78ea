//go:build nvidia

package cuda

import (
	"errors"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Scratch that a graph uses stays the graph's when the stream outgrows it, until the graph is closed.
func TestAGraphKeepsTheScratchThatItWasCapturedWith(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	x, y := alloc(t, d, accel.Float32, 5000), alloc(t, d, accel.Float32, 1)
	ones := make([]float32, 5000)
	for i := range ones {
		ones[i] = 1
	}
	must(t, d.CopyIn(s, x, ones))
	sum := func() error {
		return d.Launch(s, table["sum_squares"], kernel.SumSquares{}, []accel.Tensor{y}, []accel.Tensor{x})
	}
	must(t, sum())
	g, err := d.Capture(s, sum)
	must(t, err)

	_, err = (&launch{dev: d, stream: s, entry: table["scale"]}).scratch(1 << 17)
	must(t, err, sum()) // the launch after the one that outgrew it lets go of the old piece
	z := alloc(t, d, accel.Float32, 1<<16)
	sevens := make([]float32, 1<<16)
	for i := range sevens {
		sevens[i] = 7
	}
	got := make([]float32, 1<<16)
	must(t, d.CopyIn(s, z, sevens), g.Launch(), d.CopyOut(s, got, z))
	for i, v := range got {
		if v != 7 {
			t.Fatalf("the graph has written %v to element %d of a buffer that is not its own", v, i)
		}
	}
	total := make([]float32, 1)
	if must(t, d.CopyOut(s, total, y)); total[0] != 5000 {
		t.Errorf("the graph sums to %v", total[0])
	}
	held := d.memory.scratch
	if must(t, g.Close()); d.memory.scratch != held-class(4<<16) {
		t.Errorf("after the graph %d bytes are scratch, with it %d", d.memory.scratch, held)
	}
	must(t, d.Free(x.Buf), d.Free(y.Buf), d.Free(z.Buf), d.Close())
}

// What a launch finds in the data is told when its graph finds it, each time.
func TestAGraphTellsBadData(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	logits, labels, loss := alloc(t, d, accel.Float32, 6), alloc(t, d, accel.Int32, 2), alloc(t, d, accel.Float32, 1)
	logits.Shape = []int{2, 3}
	launches := func() error {
		return d.Launch(s, table["cross_entropy"], kernel.CrossEntropy{}, []accel.Tensor{loss}, []accel.Tensor{logits, labels})
	}
	must(t, launches(), s.Sync())
	g, err := d.Capture(s, launches)
	must(t, err)
	for _, label := range []int32{3, 1, 4} {
		must(t, d.CopyIn(s, labels, []int32{0, label}), g.Launch())
		err := s.Sync()
		if bad := err != nil && strings.Contains(err.Error(), "a label is not below"); bad != (label > 2) {
			t.Errorf("label %d: %v", label, err)
		}
	}
	must(t, g.Close(), d.Free(logits.Buf), d.Free(labels.Buf), d.Free(loss.Buf), d.Close())
}

// A capture that the driver refuses half-way leaves a stream that works, and Repeated launches one by one from then on.
func TestWhereNothingCanBeCapturedLaunchesAreRepeated(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	x, y := alloc(t, d, accel.Float32, 2), alloc(t, d, accel.Float32, 2)
	must(t, d.CopyIn(s, x, []float32{1, 2}))
	refusal, captures := errors.New("refused"), 0
	launches := func() error {
		err := d.Launch(s, table["scale"], kernel.Scale{Factor: 3}, []accel.Tensor{y}, []accel.Tensor{x})
		if s.recording != nil {
			captures++
			s.post(queuedLaunch{name: "unwilling"}, func() error { return refusal })
		}
		return err
	}
	r := accel.Repeated{Device: d, Stream: s}
	for i := range 4 {
		must(t, d.CopyIn(s, x, []float32{float32(i), 2}), r.Run(launches))
		got := make([]float32, 2)
		if must(t, d.CopyOut(s, got, y)); got[0] != float32(3*i) || got[1] != 6 {
			t.Errorf("run %d gives %v", i, got)
		}
	}
	if !errors.Is(r.Refused(), refusal) || captures != 1 {
		t.Errorf("refused for %v, after %d captures", r.Refused(), captures)
	}
	must(t, r.Close(), d.Free(x.Buf), d.Free(y.Buf), d.Close())
}

// A fault in a graph names the kernels that were captured.
func TestAFaultInAGraphNamesItsKernels(t *testing.T) {
	if !inChild() { // a card is lost to the process that has made it fail
		runChild(t, "FAKECUDA_FAULT=3")
		return
	}
	d := open(t)
	s := newStream(t, d)
	x, y := alloc(t, d, accel.Float32, 2), alloc(t, d, accel.Float32, 2)
	launches := func() error {
		return d.Launch(s, table["scale"], kernel.Scale{Factor: 3}, []accel.Tensor{y}, []accel.Tensor{x})
	}
	must(t, launches())
	g, err := d.Capture(s, launches)
	must(t, err, g.Launch(), s.Sync(), g.Launch())
	var fault *FaultError
	if err := s.Sync(); !errors.As(err, &fault) || !strings.Contains(err.Error(), "the kernel was scale [2] <- [2]") {
		t.Errorf("error is %v", err)
	}
	must(t, g.Close(), d.Free(x.Buf), d.Free(y.Buf), d.Close())
}

// A launch that has run before finds all its scratch in one piece, so that a program's memory does not grow from run to run.
func TestScratchSuffersNoSecondGrowth(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	l := &launch{dev: d, stream: s, entry: table["scale"]}
	var arenas []*buffer
	for range 2 {
		s.scratch.begin(d)
		for range 2 {
			_, err := l.scratch(1 << 17)
			must(t, err)
		}
		arenas = append(arenas, s.scratch.arena)
	}
	if arenas[0] != arenas[1] || len(s.scratch.retired) != 0 {
		t.Errorf("the second launch grew %d elements to %d", arenas[0].n, arenas[1].n)
	}
	s.scratch.begin(d)
	must(t, d.Close())
}
