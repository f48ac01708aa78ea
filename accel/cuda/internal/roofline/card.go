// Package roofline says what a kernel should reach on a card: for the shapes of networks that people tune, the time below which the
// card's arithmetic and memory cannot go, and the time below which the kernel as it is written cannot go, and why. ROOFLINE.md, which a
// test holds, is its table for an H100; package gpucheck compares it with what is measured.
package roofline

// Card is what bounds a kernel.
type Card struct {
	Name            string
	Multiprocessors int
	FP32            float64 // FLOP/s without tensor cores
	BF16            float64 // FLOP/s of tensor cores, dense
	Memory          float64 // bytes/s
}

// H100 is the SXM card, by NVIDIA's data sheet.
var H100 = Card{Name: "H100 SXM", Multiprocessors: 132, FP32: 67e12, BF16: 989e12, Memory: 3.35e12}

// Attributes are what the driver tells of a card: clocks in kHz, the bus in bits.
type Attributes struct {
	Name                    string
	Multiprocessors         int
	Major, Minor            int
	Clock, MemoryClock, Bus int
}

// Of computes the peaks of a card: lanes and tensor cores of a multiprocessor by its capability, two operations a multiply-add, two
// words of the bus a clock. BF16 is 0 where there are no tensor cores for it. Cards of the GeForce series have half of it.
func Of(a Attributes) Card {
	capability := 10*a.Major + a.Minor
	lanes, tensor := 128.0, 1024.0 // FLOP of bf16 a clock
	switch {
	case capability < 80:
		lanes, tensor = 64, 0
	case capability == 80:
		lanes, tensor = 64, 2048
	case capability == 90:
		tensor = 4096
	case capability >= 100 && capability < 120:
		tensor = 8192
	}
	rate := float64(a.Multiprocessors) * float64(a.Clock) * 1e3
	return Card{Name: a.Name, Multiprocessors: a.Multiprocessors, FP32: 2 * lanes * rate, BF16: tensor * rate,
		Memory: 2 * float64(a.MemoryClock) * 1e3 * float64(a.Bus) / 8}
}

// A card moves more through its second cache than through its memory, and less by mma.sync than by the instructions that
// Hopper alone has. Both are what others have measured on an H100, rounded.
const (
	cacheToMemory = 1.65
	mmaSync       = 0.62
)

// issue is how many instructions of a warp a card takes a second, 4 a clock and multiprocessor, and shared how many reads of shared memory,
// 1 a clock: 32 lanes each, as multiply-adds have of 128 lanes.
func (c Card) issue() float64  { return c.FP32 / 2 / 32 }
func (c Card) shared() float64 { return c.issue() / 4 }
func (c Card) cache() float64  { return c.Memory * cacheToMemory }

// Peak is what the card computes at most in FLOP/s.
func (c Card) Peak(bf16 bool) float64 {
	if bf16 {
		return c.BF16
	}
	return c.FP32
}
