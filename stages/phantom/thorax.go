package phantom

import (
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/rng"
)

// Attenuation along a body's full depth, in units of one average chest of soft tissue. Bone and findings
// are given as what they add.
const (
	tissue  = 3.4
	lungAir = 0.74 // of the depth of the thorax is lung, at most
	lungMu  = 0.20 // of tissue's attenuation remains in aerated lung
)

// drawing is the state of one projection.
type drawing struct {
	*canvas
	a     anatomy
	f     finding
	inner []float64   // how much aerated lung there is to see vessels in: 0 to 1
	rand  *rng.Stream // of this image
}

// attenuation returns the line integrals of a patient with a finding, seen through a pose.
func attenuation(n int, a anatomy, f finding, p pose, rand *rng.Stream) []float64 {
	d := &drawing{canvas: newCanvas(n, p), a: a, f: f, rand: rand}
	d.soft()
	d.spine()
	d.ribs()
	d.shoulders()
	d.hila()
	if f.name == nodule {
		d.nodule()
	}
	return d.v
}

// soft fills in the body, the lungs and the heart: one value a pixel, from the depths of each.
func (d *drawing) soft() {
	n := d.n
	shapes := [2]lungShape{d.a.lung(right, 0), d.a.lung(left, 0)}
	collapsed := shapes
	if d.f.name == pneumothorax {
		collapsed[d.f.side] = d.a.lung(d.f.side, d.f.collapse())
	}
	texture := newNoise(d.rand, 9)
	patch := newNoise(d.rand, 17)
	d.inner = make([]float64, n*n)
	for j := range n {
		for i := range n {
			p := d.body(i, j)
			at := j*n + i
			depth := d.bodyDepth(p)
			if depth <= 0 {
				continue
			}
			side := left
			if p.x < 0 {
				side = right
			}
			air, across, down := shapes[side].at(p)
			mu := lungMu
			held := air
			if d.f.name == pneumothorax && d.f.side == side {
				held, _, _ = collapsed[side].at(p)
				held = min(held, air)
				// Free air beyond the pleura attenuates nothing; the collapsed lung is a little denser.
				mu = 0.29 * held / max(air, 1e-9)
			}
			filled := d.f.fill(side, p, across, down, patch)
			beside := 1.0
			if air > 0 {
				beside = 1 - d.heart(p)
			}
			replaced := lungAir * air * beside * (1 - filled)
			d.inner[at] = clamp(float64(held*(1-float64(0.85*filled)))*2, 0, 1) * (0.25 + float64(0.75*beside))
			grain := 1 + float64(0.05*texture.at(p))
			body := float64(depth * d.a.habitus * grain)
			d.v[at] = tissue * (body - float64(replaced*(1-mu)))
			if d.f.name == pneumothorax && d.f.side == side {
				d.v[at] += float64(0.16 * pleura(held/max(air, 1e-9)) * step(0, 0.2, air))
			}
		}
	}
	d.trachea()
}

// pleura is the thin line where the collapsed lung ends.
func pleura(share float64) float64 { return bump((share - 0.35) / 0.3) }

// bodyDepth is the depth of the patient along the beam.
func (d *drawing) bodyDepth(p point) float64 {
	wall := d.a.width + 0.10 + float64(0.10*(d.a.habitus-0.8))
	// Below the armpits the trunk is an ellipse in cross-section; shoulders and neck lie above.
	q := p.x / (wall + float64(0.05*step(0.1, 1.0, p.y)))
	trunk := math.Sqrt(max(0, 1-float64(q*q*q*q)))
	trunk *= 0.78 + float64(0.22*step(-0.8, 0.0, p.y)) + float64(0.12*step(0.35, 0.8, p.y))
	slope := -1.22 + float64(0.55*max(0, math.Abs(p.x)-0.2))
	shoulder := 0.62 * step(slope, slope+0.3, p.y) * step(0.25, -0.45, p.y-float64(0.8*(math.Abs(p.x)-wall)))
	neck := 0.62 * math.Sqrt(max(0, 1-square(square(p.x/0.30)))) * step(-0.5, -0.8, p.y)
	top := max(max(trunk*step(slope, slope+0.4, p.y), shoulder), neck)
	if d.a.breast > 0 {
		x, y := (math.Abs(p.x)-0.46)/0.36, (p.y-0.24)/0.34
		top += float64(d.a.breast * max(0, 1-float64(x*x)-float64(y*y)))
	}
	return top
}

// heart is the share of the lung's depth that heart and great vessels take at p.
func (d *drawing) heart(p point) float64 {
	h := d.a.heart
	size := float64(h.size * d.f.heartScale())
	c := point{h.center.x + float64(0.05*(size-1)), h.center.y}
	sin, cos := elementary.Sin(h.tilt), elementary.Cos(h.tilt)
	body := func(center point, rx, ry float64) float64 {
		x, y := p.x-center.x, p.y-center.y
		u, v := (float64(x*cos)+float64(y*sin))/rx, (float64(y*cos)-float64(x*sin))/ry
		return max(0, 1-float64(u*u)-float64(v*v))
	}
	ventricle := body(c, 0.355*size, 0.235*size)
	atrium := body(point{c.x - float64(0.13*size), c.y - 0.01}, 0.20*size, 0.22*size)
	round := func(x, y, r float64) float64 {
		dx, dy := p.x-x, p.y-y
		return max(0, 1-(float64(dx*dx)+float64(dy*dy))/(r*r))
	}
	knob := round(0.07, -0.31, 0.115*h.aorta)
	trunk := round(0.06, -0.10, 0.145)
	cava := max(0, 1-square((p.x+0.05)/0.12)) * step(-0.8, -0.35, p.y)
	depth := max(max(ventricle, atrium)*1.0, max(max(knob, trunk)*0.75, cava*0.6))
	return min(1, 1.25*math.Sqrt(depth))
}

// trachea takes its air out of the neck and the mediastinum.
func (d *drawing) trachea() {
	x := d.a.spineShift + 0.015
	air := -0.42
	d.stroke([]knot{{point{x, -1.05}, 0.045, air}, {point{x, -0.45}, 0.042, air}, {point{x + 0.005, -0.20}, 0.042, air}}, nil)
	for side := range 2 {
		s := sign(side)
		d.stroke([]knot{{point{x, -0.20}, 0.034, 0.6 * air}, {point{x + float64(s*0.10), -0.10}, 0.028, 0.6 * air},
			{point{x + float64(s*0.17), -0.05}, 0.02, 0.3 * air}}, nil)
	}
}

// hila draws the vessels where lung is aerated, from this image's own breathing state on.
func (d *drawing) hila() {
	for side := range 2 {
		for _, v := range d.a.vessels[side] {
			d.stroke(v.knots, d.inner)
		}
	}
}
