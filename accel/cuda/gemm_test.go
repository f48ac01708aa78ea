//go:build nvidia

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
)

// TestProductsAreThoseOfMatrices holds cuBLAS and the kernel that takes its place to one meaning: all transposes, a batch, a bias,
// what c held before, and sizes of 1.
func TestProductsAreThoseOfMatrices(t *testing.T) {
	d := open(t)
	own, other := newStream(t, d), newStream(t, d)
	streams := map[string]*stream{"our kernel": own, "cuBLAS": other}
	if h, err := other.cublas(); h == nil && strings.Contains(d.caps.Model, "a double, not a GPU") {
		t.Fatalf("no cuBLAS, %v (make test-cuda builds a double of it)", err)
	} else if h == nil {
		delete(streams, "cuBLAS") // a card works without it
	}
	own.blas.asked = true
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][4]int{{1, 1, 1, 1}, {5, 7, 3, 2}, {65, 1, 17, 1}, {1, 66, 1, 3}, {70, 67, 33, 1}} {
		for transposed := range 4 {
			for _, beta := range []float32{0, 0.5} {
				m, n, k, count := size[0], size[1], size[2], size[3]
				data := func(n int) []float32 {
					x := make([]float32, n)
					for i := range x {
						x[i] = float32(r.NormFloat64())
					}
					return x
				}
				a, b, c, bias := data(count*m*k), data(count*k*n), data(count*m*n), data(n)
				p := product{m: m, n: n, k: k, alpha: 1.5, beta: beta, count: count,
					a: matrix{row: k, col: 1, batch: m * k}, b: matrix{row: n, col: 1, batch: k * n}, c: matrix{row: n, col: 1, batch: m * n}}
				if transposed&1 != 0 {
					p.a.row, p.a.col = 1, m
				}
				if transposed&2 != 0 {
					p.b.row, p.b.col = 1, k
				}
				biased := beta == 0 && count == 1
				for by, s := range streams {
					t.Run(fmt.Sprint(size, transposed, beta, by), func(t *testing.T) {
						upload := func(x []float32) accel.Tensor {
							dst := alloc(t, d, accel.Float32, len(x))
							must(t, d.CopyIn(s, dst, x))
							return dst
						}
						q := p
						q.a.t, q.b.t, q.c.t = upload(a), upload(b), upload(c)
						bs := upload(bias)
						if biased {
							q.bias = &bs
						}
						l := &launch{dev: d, stream: s, entry: table["linear"]}
						got := make([]float32, len(c))
						must(t, l.multiply(q), d.CopyOut(s, got, q.c.t))
						for i, v := range got {
							batch, row, col := i/(m*n), i/n%m, i%n
							want := float64(beta) * float64(c[i])
							if biased {
								want += float64(bias[col])
							}
							for x := range k {
								want += 1.5 * float64(a[batch*m*k+row*p.a.row+x*p.a.col]) * float64(b[batch*k*n+x*p.b.row+col*p.b.col])
							}
							if math.Abs(float64(v)-want) > 1e-5*float64(k) {
								t.Fatalf("element %d is %g, want %g", i, v, want)
							}
						}
						for _, x := range []accel.Tensor{q.a.t, q.b.t, q.c.t, bs} {
							must(t, d.Free(x.Buf))
						}
					})
				}
			}
		}
	}
	must(t, d.Close())
}

// cuBLAS adds to a copy of the bias, our kernel adds the bias at the end: they agree where nothing else is added to.
func TestAProductWithABiasIsASingleOneThatAddsToNothing(t *testing.T) {
	d := open(t)
	x := alloc(t, d, accel.Float32, 4)
	l := &launch{dev: d, stream: newStream(t, d), entry: table["linear"]}
	for _, p := range []product{{beta: 1, count: 1}, {count: 2}, {}} {
		p.m, p.n, p.k, p.alpha, p.bias = 1, 1, 1, 1, &x
		p.a, p.b, p.c = matrix{x, 1, 1, 1}, matrix{x, 1, 1, 1}, matrix{x, 1, 1, 1}
		if err := l.multiply(p); err == nil {
			t.Errorf("beta %g and count %d are taken", p.beta, p.count)
		}
	}
	must(t, d.Free(x.Buf), d.Close())
}
