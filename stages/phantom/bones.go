package phantom

import (
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// spine draws the vertebrae: bodies with gaps for the discs, pedicles and spinous processes.
func (d *drawing) spine() {
	x := d.a.spineShift
	pitch := 0.118
	for k := range 18 {
		y := -1.02 + float64(pitch*float64(k))
		width := 0.066 + float64(0.0016*float64(k))
		h := 0.13 * d.a.bone
		// A vertebral body: a short stack of strokes across.
		for _, dy := range []float64{-0.03, 0, 0.03} {
			d.stroke([]knot{{point{x - width, y + dy}, 0.026, h}, {point{x + width, y + dy}, 0.026, h}}, nil)
		}
		for _, s := range []float64{-1, 1} {
			at := point{x + float64(s*0.6*width), y - 0.012}
			d.stroke([]knot{{at, 0.016, 0.13 * d.a.bone}, {point{at.x, at.y + 0.012}, 0.016, 0.13 * d.a.bone}}, nil)
			d.stroke([]knot{{point{x + float64(s*width), y}, 0.016, 0.10 * d.a.bone}, {point{x + float64(s*(width+0.075)), y - 0.01}, 0.012, 0.06 * d.a.bone}}, nil)
		}
		d.stroke([]knot{{point{x, y + 0.01}, 0.014, 0.11 * d.a.bone}, {point{x, y + 0.05}, 0.01, 0.11 * d.a.bone}}, nil)
	}
}

// ribs draws each rib as one loop from the spine round the chest wall towards the breastbone.
func (d *drawing) ribs() {
	for side := range 2 {
		s := sign(side)
		for k := range 11 {
			f := float64(k)
			y0 := d.a.apex + 0.01 + float64(d.a.ribPitch*f)
			// The cage is narrow at the top.
			reach := (d.a.width + 0.015) * min(1, 0.50+float64(0.21*f)-float64(0.017*f*f))
			if k >= 7 {
				reach = d.a.width + 0.015
			}
			drop := d.a.ribSlope * (0.75 + float64(0.06*f))
			const pieces = 26
			knots := make([]knot, 0, pieces+1)
			end := 0.80
			if k > 8 {
				end = 0.58 // the lowest ribs are short
			}
			for i := range pieces + 1 {
				phi := float64(math.Pi * (0.05 + (end-0.05)*float64(i)/pieces))
				sin, cos := elementary.Sin(phi), elementary.Cos(phi)
				p := point{d.a.spineShift + float64(s*(0.05+float64((reach-0.05)*sin))), y0 + float64(drop*(1-cos)/2) - float64(0.035*elementary.Sin(2*phi)*step(math.Pi/2, 0, phi))}
				// Where the rib turns along the beam, the beam meets more of it.
				along := 1 / (0.62 + math.Abs(cos))
				front := 1 - float64(0.45*step(0.45*math.Pi, 0.6*math.Pi, phi))
				fade := step(end*math.Pi, (end-0.1)*math.Pi, phi)
				knots = append(knots, knot{p, 0.023 + 0.002*f/10, d.a.ribHeight * d.a.bone * along * front * fade})
			}
			d.stroke(knots, nil)
			d.cortex(knots)
		}
	}
}

// cortex adds the denser rims of a rib.
func (d *drawing) cortex(knots []knot) {
	for _, rim := range []float64{-0.8, 0.8} {
		edge := make([]knot, len(knots))
		for i, k := range knots {
			a, b := knots[max(i-1, 0)].at, knots[min(i+1, len(knots)-1)].at
			dx, dy := b.x-a.x, b.y-a.y
			l := math.Sqrt(float64(dx*dx)+float64(dy*dy)) + 1e-9
			edge[i] = knot{point{k.at.x - float64(dy/l*rim*k.radius), k.at.y + float64(dx/l*rim*k.radius)}, 0.006, 0.42 * k.height}
		}
		d.stroke(edge, nil)
	}
}

// shoulders draws clavicles, scapulae and the heads of the humeri.
func (d *drawing) shoulders() {
	lift := 0.03 * d.rand.Norm()
	for side := range 2 {
		s := sign(side)
		c := func(x, y, r, h float64) knot {
			return knot{point{s * x, y + float64(lift*x)}, r, h * d.a.bone}
		}
		d.stroke([]knot{c(0.07, -0.60, 0.036, 0.40), c(0.20, -0.665, 0.029, 0.38), c(0.36, -0.72, 0.026, 0.38),
			c(0.52, -0.765, 0.027, 0.40), c(0.68, -0.80, 0.030, 0.40), c(0.78, -0.80, 0.030, 0.30)}, nil)
		// The breastbone's head.
		d.stroke([]knot{c(0.0, -0.60, 0.07, 0.13), c(0.05, -0.58, 0.06, 0.13)}, nil)
		// Scapula: a thin blade with a thick lateral border and spine.
		d.stroke([]knot{c(0.70, -0.68, 0.10, 0.14), c(0.75, -0.45, 0.12, 0.12), c(0.74, -0.22, 0.08, 0.12), c(0.70, -0.08, 0.03, 0.10)}, nil)
		d.stroke([]knot{c(0.86, -0.62, 0.028, 0.34), c(0.82, -0.40, 0.022, 0.30), c(0.74, -0.12, 0.018, 0.22)}, nil)
		d.stroke([]knot{c(0.60, -0.60, 0.016, 0.22), c(0.78, -0.70, 0.026, 0.28), c(0.92, -0.78, 0.03, 0.28)}, nil)
		d.stroke([]knot{c(0.97, -0.68, 0.10, 0.55), c(1.0, -0.62, 0.10, 0.55)}, nil)
		d.stroke([]knot{c(1.0, -0.60, 0.07, 0.45), c(1.12, -0.2, 0.06, 0.45)}, nil)
	}
}
