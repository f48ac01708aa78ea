package stages

import "testing"

func TestBetasAreTakenAsGiven(t *testing.T) {
	for _, c := range []struct {
		given []float64
		want  [2]float64
	}{{nil, [2]float64{0.9, 0.999}}, {[]float64{0, 0.5}, [2]float64{0, 0.5}}} {
		p, err := training{Betas: c.given}.plan(nil, defaults{steps: 1, batch: 1, lr: 1}, 1)
		if o := p.config.Optim; err != nil || o.Beta1 != c.want[0] || o.Beta2 != c.want[1] || o.Eps != 1e-8 {
			t.Errorf("betas %v train with %+v, %v", c.given, o, err)
		}
	}
}
