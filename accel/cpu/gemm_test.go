package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// random fills a slice with numbers that use all bits of the mantissa.
func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// inOrder is the definition of a product to the bit.
func inOrder(g *gemm, b matrix) []float32 {
	c := make([]float32, g.m*g.n)
	for i := range g.m {
		for j := range g.n {
			s := float32(0)
			switch {
			case g.add:
				s = g.c[i*g.ldc+j]
			case g.rowBias != nil:
				s = g.rowBias[i]
			case g.colBias != nil:
				s = g.colBias[j]
			}
			for p := range g.k {
				s = fma32(g.a.data[i*g.a.rs+p*g.a.cs], b.data[p*b.rs+j*b.cs], s)
			}
			c[i*g.n+j] = s
		}
	}
	return c
}

func TestProductsAreTheSameBitsAtEveryLevelAndThreadCount(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sizes := [][3]int{{1, 1, 1}, {1, 65, 0}, {8, 32, 16}, {65, 65, 33}, {13, 47, 401}, {97, 33, 15}, {9, 530, 17}, {130, 96, 800}}
	for _, size := range sizes {
		m, n, k := size[0], size[1], size[2]
		for _, transposed := range []bool{false, true} {
			a, b := matrix{random(r, m*k+1), k, 1}, matrix{random(r, n*k+1), n, 1}
			if transposed {
				a, b = matrix{a.data, 1, m}, matrix{b.data, 1, k}
			}
			for _, start := range []string{"zero", "row bias", "column bias", "add"} {
				g := gemm{m: m, n: n, k: k, a: a, b: b, ldc: n + 3, add: start == "add"}
				switch start {
				case "row bias":
					g.rowBias = random(r, m)
				case "column bias":
					g.colBias = random(r, n)
				}
				stored := random(r, m*g.ldc)
				g.c = stored
				want := inOrder(&g, b)
				for _, level := range Levels() {
					for _, threads := range []int{1, 2, 8} {
						d, err := NewLevel(threads, level)
						if err != nil {
							t.Fatal(err)
						}
						g.c = append([]float32(nil), stored...)
						d.multiply(&g)
						if err := sameTile(&g, stored, want); err != nil {
							t.Fatalf("%v transposed %v, from %s, %s with %d threads: %v", size, transposed, start, level, threads, err)
						}
						if err := d.Close(); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
	}
}

// The float64 sum of the one product lies half way between two float32, and what it lost is below.
func TestProductsRoundOnceAtEveryLevel(t *testing.T) {
	const n = 8
	x, y, z := float32(1+0x1p-18), float32((1-0x1p-18)*0x1p-24), float32(1+0x1p-23)
	for _, level := range Levels() {
		d, err := NewLevel(1, level)
		if err != nil {
			t.Fatal(err)
		}
		for column := range n {
			b, c := []float32{3, 5, 7, 9, 11, 13, 15, 17}, make([]float32, n)
			for j := range b {
				b[j] *= 0.1
			}
			b[column] = y
			d.multiply(&gemm{m: 1, n: n, k: 1, a: matrix{[]float32{x}, 1, 1}, b: matrix{b, n, 1}, c: c, ldc: n, rowBias: []float32{z}})
			if c[column] != z {
				t.Errorf("%s, column %d: %x, want %x", level, column, c[column], z)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// sameTile compares c by bits with want, and what lies between its rows with what was stored there.
func sameTile(g *gemm, stored, want []float32) error {
	for i := range g.m {
		for j := range g.ldc {
			got, w := g.c[i*g.ldc+j], stored[i*g.ldc+j]
			if j < g.n {
				w = want[i*g.n+j]
			}
			if math.Float32bits(got) != math.Float32bits(w) {
				return fmt.Errorf("element (%d, %d) is %x, want %x", i, j, got, w)
			}
		}
	}
	return nil
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct {
		name    string
		m, n, k int
		ta, tb  bool
	}{
		{"512", 512, 512, 512, false, false},
		{"1024", 1024, 1024, 1024, false, false},
		{"forward/192x576", 2080, 576, 192, false, true},
		{"forward/192x192", 2080, 192, 192, false, true},
		{"forward/96x96", 2080, 96, 96, false, true},
		{"forward/96x384", 2080, 384, 96, false, true},
		{"dx/192x576", 2080, 192, 576, false, false},
		{"dx/96x384", 2080, 96, 384, false, false},
		{"dw/192x576", 576, 192, 2080, true, false},
		{"dw/96x96", 96, 96, 2080, true, false},
		{"conv/64x576x4096", 64, 4096, 576, false, false},
		{"attention/65x65x32", 65, 65, 32, false, true},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		g := gemm{m: s.m, n: s.n, k: s.k, c: make([]float32, s.m*s.n), ldc: s.n}
		g.a, g.b = matrix{random(r, s.m*s.k), s.k, 1}, matrix{random(r, s.n*s.k), s.n, 1}
		if s.ta {
			g.a.rs, g.a.cs = 1, s.m
		}
		if s.tb {
			g.b = matrix{random(r, s.n*s.k), 1, s.k}
		}
		for _, level := range []string{"avx512", "avx2"} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%s/%d", s.name, level, threads), func(b *testing.B) {
					d, err := NewLevel(threads, level)
					if err != nil {
						b.Fatal(err)
					}
					reportBest(b, 2*s.m*s.n*s.k, func() { d.multiply(&g) })
				})
			}
		}
	}
}
