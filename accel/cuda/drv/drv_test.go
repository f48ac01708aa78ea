//go:build nvidia

package drv

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"gorgonia.org/cu"
)

// begin makes a context on this test's thread.
func begin(t *testing.T) {
	t.Helper()
	if n, err := cu.NumDevices(); err != nil || n == 0 {
		t.Fatalf("%d devices, %v: %s (make test-cuda builds the double of the driver and runs on it)", n, err, Reason())
	}
	card, err := cu.GetDevice(0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := card.MakeContext(cu.SchedAuto)
	if err != nil {
		t.Fatal(err)
	}
	if err := ctx.Lock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(ctx.Unlock(), ctx.Destroy()) })
}

func TestEveryDeclarationHasATrampoline(t *testing.T) {
	header, err := os.ReadFile("include/cuda.h")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile("trampolines/names.h")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^CUresult (cu\w+)\(`).FindAllSubmatch(header, -1)
	if got := strings.Count(string(names), "NAME("); got != len(declared)-2 { // cuInit and cuDeviceGetCount are load.c's
		t.Errorf("%d trampolines for %d declarations: run go generate ./accel/cuda/drv", got, len(declared))
	}
	for _, d := range declared {
		if name := string(d[1]); name != "cuInit" && name != "cuDeviceGetCount" && !regexp.MustCompile(`\b`+name+`(_v\d)?\)`).Match(names) {
			t.Errorf("%s has no trampoline: run go generate ./accel/cuda/drv", name)
		}
	}
}

func TestErrorsOfTheDriverHaveNameAndText(t *testing.T) {
	begin(t)
	_, err := cu.MemAlloc(1 << 60)
	if err = Explain(err); !errors.Is(err, cu.OutOfMemory) || Code(err) != 2 {
		t.Errorf("error is %v of code %d", err, Code(err))
	}
	var e *Error
	if !errors.As(err, &e) || e.Name != "CUDA_ERROR_OUT_OF_MEMORY" || e.Text == "" {
		t.Errorf("error is %+v", e)
	}
	if again := Explain(err); again.Error() != err.Error() {
		t.Errorf("explained twice: %v", again)
	}
	if other := errors.New("other"); !errors.Is(Explain(other), other) || Code(other) != 0 || Explain(nil) != nil {
		t.Error("errors that are not the driver's were changed")
	}
}

func TestPinnedMemoryIsTheHosts(t *testing.T) {
	begin(t)
	p, err := HostAlloc(16)
	if err != nil {
		t.Fatal(err)
	}
	*(*[16]byte)(p) = [16]byte{1, 2, 3}
	d, err := cu.MemAlloc(16)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cu.MemcpyHtoD(d, p, 16), cu.MemsetD8(d, 9, 2), cu.MemcpyDtoH(p, d, 16)); err != nil {
		t.Fatal(err)
	}
	if got := *(*[16]byte)(p); got != [16]byte{9, 9, 3} {
		t.Errorf("came back as %v", got)
	}
	if err := errors.Join(cu.MemFree(d), cu.MemFreeHost(p)); err != nil {
		t.Error(err)
	}
}

func TestAGraphRunsWhatWasCaptured(t *testing.T) {
	begin(t)
	s, err := cu.MakeStream(cu.NonBlocking)
	if err != nil {
		t.Fatal(err)
	}
	p, err := HostAlloc(4)
	if err != nil {
		t.Fatal(err)
	}
	d, err := cu.MemAlloc(4)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cu.MemsetD32(d, 1, 1), BeginCapture(s), cu.MemsetD32Async(d, 7, 1, s), cu.MemcpyDtoHAsync(p, d, 4, s)); err != nil {
		t.Fatal(err)
	}
	g, err := EndCapture(s)
	if err != nil {
		t.Fatal(err)
	}
	read := func() uint32 {
		if err := s.Synchronize(); err != nil {
			t.Fatal(err)
		}
		return *(*uint32)(p)
	}
	*(*uint32)(p) = 5
	if got := read(); got != 5 {
		t.Errorf("the capture ran already: %d", got)
	}
	e, err := Instantiate(g)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		*(*uint32)(p) = 5
		if err := errors.Join(cu.MemsetD32(d, 1, 1), LaunchGraph(e, s)); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != 7 {
			t.Errorf("the graph gives %d", got)
		}
	}
	if err := errors.Join(e.Destroy(), g.Destroy(), cu.MemFree(d), cu.MemFreeHost(p), s.Destroy()); err != nil {
		t.Error(err)
	}
}
