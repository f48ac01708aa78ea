package phantom

import "github.com/pipe-ml/pipe/accel/rng"

// digitise turns grey values of a detector into those of a scanned film, in place: the screen blurs, the film's curve
// flattens shadows and highlights and fogs the dark, the light box is brighter in the middle, and the emulsion is
// grainy. A network trained on one sees a shift in appearance, not in anatomy.
func digitise(v []float64, n int, s *rng.Stream) {
	blurred := blur(v, n, max(1, n/64))
	fog := 0.22 + float64(0.05*s.Norm())
	contrast := 0.52 + float64(0.05*s.Norm())
	cx, cy := float64(0.15*s.Norm()), float64(0.15*s.Norm())
	for i := range v {
		x, y := 2*float64(i%n)/float64(n)-1-cx, 2*float64(i/n)/float64(n)-1-cy
		t := blurred[i]
		curve := t * t * (3 - float64(2*t)) // toe and shoulder of the characteristic curve
		light := 1.08 - float64(0.16*(float64(x*x)+float64(y*y)))
		v[i] = clamp(float64((fog+float64(contrast*curve))*light)+float64(0.012*s.Norm()), 0, 1)
	}
}
