package op

import (
	"errors"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Attention is softmax(q k^T / sqrt(D/heads)) v in each of heads slices of the last dimension (arXiv:1706.03762): q [B, N, D],
// k and v [B, M, D], y [B, N, D]. With causal, a query sees no later key (N = M). Backward saves q, k and v and
// recomputes the probabilities.
func Attention(q, k, v *gorgonia.Node, heads int, causal bool) (*gorgonia.Node, error) {
	return apply("attention", kernel.Attention{Heads: heads, Causal: causal}, q, k, v)
}

func init() {
	register(Def[kernel.Attention]{
		Name: "attention",
		In:   []Operand{{Name: "q"}, {Name: "k"}, {Name: "v"}},
		Shape: func(a kernel.Attention, in []tensor.Shape) (tensor.Shape, error) {
			q, k, v := in[0], in[1], in[2]
			switch {
			case len(q) != 3 || len(k) != 3 || !k.Eq(v) || q[0] != k[0] || q[2] != k[2]:
				return nil, errors.New("q must be [B, N, D] and k and v [B, M, D]")
			case a.Heads < 1 || q[2]%a.Heads != 0:
				return nil, errors.New("the heads do not split D")
			case a.Causal && q[1] != k[1]:
				return nil, errors.New("causal attention needs as many keys as queries")
			}
			return q, nil
		},
		Ref: func(a kernel.Attention, in []Array, out Array) {
			q, k, v := in[0], in[1], in[2]
			n, m, width := q.Shape[1], k.Shape[1], q.Shape[2]/a.Heads
			for b := range q.Shape[0] {
				for h := range a.Heads {
					head := func(x Array, row int) []float64 { return x.Row(row)[h*width : (h+1)*width] }
					for i := range n {
						keys := m
						if a.Causal {
							keys = i + 1
						}
						p, z := make([]float64, keys), 0.0
						for j := range p {
							s := 0.0
							for d, x := range head(q, b*n+i) {
								s += x * head(k, b*m+j)[d]
							}
							p[j] = math.Exp(s / math.Sqrt(float64(width)))
							z += p[j]
						}
						for j := range p {
							for d, x := range head(v, b*m+j) {
								head(out, b*n+i)[d] += p[j] / z * x
							}
						}
					}
				}
			}
		},
		Backward: func(b *Back, a kernel.Attention) {
			q, k, v := b.In[0].Shape(), b.In[1].Shape(), b.In[2].Shape()
			nq, nk := accel.Volume(q), accel.Volume(k)
			packed := b.Call("attention.grad", a, tensor.Shape{nq + 2*nk}, b.In[0], b.In[1], b.In[2], b.DY)
			b.Grad(0, b.View(packed, 0, q))
			b.Grad(1, b.View(packed, nq, k))
			b.Grad(2, b.View(packed, nq+nk, v))
		},
	})
	register(Def[kernel.Attention]{Name: "attention.grad", In: []Operand{{Name: "q"}, {Name: "k"}, {Name: "v"}, {Name: "do"}}})
}
