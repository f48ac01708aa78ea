package optest

import (
	"math"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	flat := func(n int) func(s int) []Input {
		return func(s int) []Input {
			in := []Input{Normal(s, 3), Uniform(0, 0.01, s, 3), Uniform(0, 0.01, s, 3)}
			return in[:n]
		}
	}
	updates = append(updates,
		Update{Kernel: "adamw", Out: flat(3), In: flat(1), Tol: 4e-6,
			Attrs: func(step int) any {
				// Eps is large enough to be seen beside the root of the second moment.
				return kernel.AdamW{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-3, WeightDecay: 0.05, Step: step, Scale: 0.7}
			},
			Ref: func(attrs any, out, in []op.Array) {
				a := attrs.(kernel.AdamW)
				lr, b1, b2 := float64(a.LR), float64(a.Beta1), float64(a.Beta2)
				c1, c2 := 1-math.Pow(b1, float64(a.Step)), 1-math.Pow(b2, float64(a.Step))
				p, m, v := out[0].Data, out[1].Data, out[2].Data
				for i, g := range in[0].Data {
					g *= float64(a.Scale)
					m[i] = b1*m[i] + (1-b1)*g
					v[i] = b2*v[i] + (1-b2)*g*g
					p[i] -= lr * float64(a.WeightDecay) * p[i]
					p[i] -= lr * (m[i] / c1) / (math.Sqrt(v[i]/c2) + float64(a.Eps))
				}
			}},
		Update{Kernel: "sgd", Out: flat(2), In: flat(1), Tol: 4e-6,
			Attrs: func(int) any { return kernel.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 0.01, Scale: 1.5} },
			Ref: func(attrs any, out, in []op.Array) {
				a := attrs.(kernel.SGD)
				p, m := out[0].Data, out[1].Data
				for i, g := range in[0].Data {
					g = float64(a.Scale)*g + float64(a.WeightDecay)*p[i]
					m[i] = float64(a.Momentum)*m[i] + g
					p[i] -= float64(a.LR) * m[i]
				}
			}},
		Update{Kernel: "sgd", Out: flat(2), In: flat(1), Tol: 4e-6,
			Attrs: func(int) any {
				return kernel.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 0.01, Scale: 1.5, Nesterov: true}
			},
			Ref: func(attrs any, out, in []op.Array) {
				a := attrs.(kernel.SGD)
				p, m := out[0].Data, out[1].Data
				for i, g := range in[0].Data {
					g = float64(a.Scale)*g + float64(a.WeightDecay)*p[i]
					m[i] = float64(a.Momentum)*m[i] + g
					p[i] -= float64(a.LR) * (g + float64(a.Momentum)*m[i])
				}
			}},
		Update{Kernel: "blend", Out: flat(1), In: flat(1), Tol: 1e-6,
			Attrs: func(step int) any { return kernel.Blend{A: 0.25, B: []float32{0, 1, 0.75}[(step-1)%3]} },
			Ref: func(attrs any, out, in []op.Array) {
				a := attrs.(kernel.Blend)
				for i, x := range in[0].Data {
					out[0].Data[i] = float64(a.A)*x + float64(a.B)*out[0].Data[i]
				}
			}},
		Update{Kernel: "sum_squares", Tol: 4e-6,
			Out:   func(int) []Input { return []Input{Normal(1)} },
			In:    func(s int) []Input { return []Input{Normal(s, s+1)} },
			Attrs: func(int) any { return kernel.SumSquares{} },
			Ref: func(_ any, out, in []op.Array) {
				out[0].Data[0] = 0
				for _, v := range in[0].Data {
					out[0].Data[0] += v * v
				}
			}},
	)
}
