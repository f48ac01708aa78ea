package optest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

// Row is one operator under test.
type Row struct {
	Op   string // registered name of the definition that the row stands for
	Note string // tells rows of one operator apart
	Mode op.Mode
	// In gives the operands for a size.
	In func(s int) []Input
	// Build makes the node from leaves for In's operands.
	Build func(s int, in []*gorgonia.Node) (*gorgonia.Node, error)
	Tol   Tol
	// Sizes to run, with some random ones in between; nil means DefaultSizes. Large is a size for Bits, large enough that the work is split; 0 means DefaultLarge.
	Sizes []int
	Large int
}

// The sizes that rows run at unless they say otherwise: one, odd, and around the width of a vector and of a tile.
var (
	DefaultSizes = []int{1, 3, 15, 16, 17, 33}
	DefaultLarge = 129
)

// Tol is a tolerance class: bounds relative to the largest magnitude of the wanted tensor.
type Tol struct {
	Value, Grad float64
}

// The classes. Bounds are multiples of 2^-24, the rounding of float32.
var (
	// Exact is for moves and single operations: the reference rounded to float32.
	Exact = Tol{0, 2e-6}
	// Elementary is for formulas of a few operations, exp and erf among them.
	Elementary = Tol{1e-6, 4e-6}
	// Reduced is for sums of up to some thousand terms.
	Reduced = Tol{4e-6, 2e-5}
)

// Input is one operand: its shape and how to fill it.
type Input struct {
	Shape []int
	Int   bool // int32
	fill  func(r *rand.Rand, i int) float64
	perm  bool
}

// Normal draws from a normal distribution.
func Normal(shape ...int) Input {
	return Input{Shape: shape, fill: func(r *rand.Rand, _ int) float64 { return r.NormFloat64() }}
}

// Uniform draws from [lo, hi).
func Uniform(lo, hi float64, shape ...int) Input {
	return Input{Shape: shape, fill: func(r *rand.Rand, _ int) float64 { return lo + (hi-lo)*r.Float64() }}
}

// Away draws from a normal distribution of the given width, but nothing nearer than 0.05 to a kink.
func Away(kinks []float64, width float64, shape ...int) Input {
	return Input{Shape: shape, fill: func(r *rand.Rand, _ int) float64 {
		for {
			x, near := width*r.NormFloat64(), false
			for _, k := range kinks {
				near = near || (x-k < 0.05 && k-x < 0.05)
			}
			if !near {
				return x
			}
		}
	}}
}

// Distinct holds values 0.05 apart in random order, around 0: no maximum is near another.
func Distinct(shape ...int) Input {
	return Input{Shape: shape, perm: true, fill: func(_ *rand.Rand, i int) float64 { return 0.05 * float64(i) }}
}

// Ints draws int32 from [lo, hi).
func Ints(lo, hi int, shape ...int) Input {
	return Input{Shape: shape, Int: true, fill: func(r *rand.Rand, _ int) float64 { return float64(lo + r.IntN(hi-lo)) }}
}

// values fills the operand. Floats are float32 exactly, so that reference and device see the same numbers.
func (in Input) values(r *rand.Rand) op.Array {
	a := op.NewArray(in.Shape...)
	for i := range a.Data {
		a.Data[i] = float64(float32(in.fill(r, i)))
	}
	if in.perm {
		mid := a.Data[len(a.Data)/2]
		for i := range a.Data {
			a.Data[i] = float64(float32(a.Data[i] - mid))
		}
		r.Shuffle(len(a.Data), func(i, j int) { a.Data[i], a.Data[j] = a.Data[j], a.Data[i] })
	}
	return a
}

var rows []Row

// add registers rows; the rows_*.go files call it in init.
func add(r ...Row) { rows = append(rows, r...) }

func (r Row) name() string {
	if r.Note == "" {
		return r.Op
	}
	return r.Op + " " + r.Note
}

func (r Row) sizes() []int {
	if r.Sizes == nil {
		return DefaultSizes
	}
	return r.Sizes
}

// all are the row's sizes, two drawn between the least and the greatest of them, and the large one.
func (r Row) all() []int {
	sizes := slices.Clone(r.sizes())
	least, most := slices.Min(sizes), slices.Max(sizes)
	random := r.random(0)
	for range 2 {
		sizes = append(sizes, least+random.IntN(most-least+1))
	}
	sizes = append(sizes, r.large())
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

func (r Row) large() int {
	if r.Large == 0 {
		return DefaultLarge
	}
	return r.Large
}

// random is a generator that depends on the row and the size only.
func (r Row) random(s int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", r.name(), s)
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}
