package phantom

import (
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/rng"
)

// anatomy is one patient's thorax. Lengths are in body units: the image is 2 wide; the ribs span about 1.4.
type anatomy struct {
	habitus    float64 // soft tissue: 1 is average
	width      float64 // of the rib cage
	apex       float64 // height of the lungs' tops
	dome       [2]float64
	costo      [2]float64 // height of the costophrenic angles
	spineShift float64
	heart      heart
	ribSlope   float64
	ribPitch   float64
	ribHeight  float64 // attenuation
	bone       float64 // density of all bone
	breast     float64
	vessels    [2][]vessel
}

// The sides as they lie in the image: the patient's right lung is on the left.
const (
	right = 0
	left  = 1
)

// sign is -1 for the patient's right, which lies at negative x.
func sign(side int) float64 { return float64(2*side - 1) }

type heart struct {
	size   float64 // 1: a cardiothoracic ratio of about 0.46
	tilt   float64
	aorta  float64
	center point
}

// vessel is one branch of a lung's tree: a tapering tube.
type vessel struct {
	knots []knot
}

// newAnatomy draws a patient.
func newAnatomy(s *rng.Stream) anatomy {
	a := anatomy{
		habitus:    clamp(1+float64(0.14*s.Norm()), 0.72, 1.4),
		width:      0.70 + float64(0.03*s.Norm()),
		apex:       -0.74 + float64(0.03*s.Norm()),
		spineShift: 0.01 * s.Norm(),
		ribSlope:   clamp(0.44+float64(0.05*s.Norm()), 0.3, 0.55),
		ribPitch:   0.128 + float64(0.006*s.Norm()),
		ribHeight:  clamp(0.30+float64(0.05*s.Norm()), 0.18, 0.42),
		bone:       clamp(1+float64(0.12*s.Norm()), 0.7, 1.3),
	}
	breath := float64(0.05 * s.Norm())
	a.dome = [2]float64{0.33 + breath + float64(0.02*s.Norm()), 0.40 + breath + float64(0.02*s.Norm())}
	a.costo = [2]float64{a.dome[0] + 0.30 + float64(0.02*s.Norm()), a.dome[1] + 0.26 + float64(0.02*s.Norm())}
	a.heart = heart{size: clamp(1+float64(0.055*s.Norm()), 0.86, 1.13), tilt: 0.55 + float64(0.1*s.Norm()), aorta: 1 + float64(0.2*s.Norm())}
	a.heart.center = point{0.10 + float64(0.015*s.Norm()), a.dome[1] - 0.20 + float64(0.015*s.Norm())}
	if s.Float64() < 0.45 {
		a.breast = 0.05 + float64(0.13*s.Float64())
	}
	for side := range a.vessels {
		a.vessels[side] = a.growVessels(s, side)
	}
	return a
}

// growVessels branches from the hilum into the lung.
func (a *anatomy) growVessels(s *rng.Stream, side int) []vessel {
	var all []vessel
	var grow func(at point, direction, length, radius float64, depth int)
	grow = func(at point, direction, length, radius float64, depth int) {
		if depth == 0 || radius < 0.0035 {
			return
		}
		const pieces, density = 3, 17
		knots := []knot{{at, radius, density * radius}}
		bend := 0.25 * s.Norm()
		for i := 1; i <= pieces; i++ {
			direction += bend / pieces
			at = point{at.x + sign(side)*elementary.Cos(direction)*length/pieces, at.y + elementary.Sin(direction)*length/pieces}
			r := radius * (1 - 0.35*float64(i)/pieces)
			knots = append(knots, knot{at, r, density * r})
		}
		all = append(all, vessel{knots})
		fork := 0.32 + float64(0.25*s.Float64())
		ratio := 0.35 + float64(0.3*s.Float64())
		grow(at, direction+float64(fork*ratio), length*(0.72+float64(0.15*s.Norm())), radius*0.62*(1.15-float64(ratio*0.3)), depth-1)
		grow(at, direction-float64(fork*(1-ratio)), length*(0.72+float64(0.15*s.Norm())), radius*0.62*(0.95+float64(ratio*0.3)), depth-1)
	}
	// The roots leave the hilum, which is as high as three vertebrae, upwards to downwards.
	const roots = 7
	for i := range roots {
		f := float64(i)/(roots-1) - 0.5
		hilum := point{sign(side) * (0.13 + float64(0.03*s.Float64())), -0.05 - float64(0.03*sign(side)) + float64(0.26*f)}
		grow(hilum, 0.1+float64(2.5*f)+float64(0.12*s.Norm()), 0.16+float64(0.03*s.Norm()), 0.020+float64(0.003*s.Norm()), 5)
	}
	return all
}

// lungShape is one lung's outline, possibly collapsed away from the chest wall.
type lungShape struct {
	side        int
	apex        float64
	dome, costo float64
	medial      float64
	reach       float64 // from the medial border to the chest wall
	collapse    float64 // 0: none; the share by which the lung has shrunk towards the hilum
}

func (a *anatomy) lung(side int, collapse float64) lungShape {
	return lungShape{side: side, apex: a.apex, dome: a.dome[side], costo: a.costo[side],
		medial: 0.105, reach: a.width - 0.105, collapse: collapse}
}

// at returns how much of the lung lies at p: air is its depth along the beam from 0 to 1, across runs from 0
// at the mediastinum to 1 at the chest wall, down from 0 at the apex to 1 at the costophrenic angle.
func (l lungShape) at(p point) (air, across, down float64) {
	x, y := float64(p.x*sign(l.side)), p.y
	if l.collapse > 0 {
		const hilumX, hilumY = 0.2, 0.05
		x = hilumX + (x-hilumX)/(1-l.collapse)
		y = hilumY + (y-hilumY)/(1-float64(0.7*l.collapse))
	}
	down = (y - l.apex) / (l.costo - l.apex)
	if x <= 0 || down <= 0 || down >= 1.25 {
		return 0, 0, down
	}
	// The top is round; below, the wall bulges out and comes in a little at the base.
	t := clamp(down, 0, 1)
	top := max(0, 1-float64(5*t))
	medial := l.medial + float64(0.17*top*top)
	if x < medial-0.1 {
		return 0, -1, down
	}
	open := 1 - float64((1-t)*(1-t)*math.Sqrt(1-t))
	lateral := l.medial + 0.17 + float64((l.reach-0.17)*math.Sqrt(open)*(1-float64(0.06*(1-open)))*(1-float64(0.05*t*t)))
	across = (x - medial) / (lateral - medial)
	if across <= -0.1 || across >= 1.1 {
		return 0, across, down
	}
	// The diaphragm is a dome, highest a little medial of the middle.
	q := (clamp(across, 0, 1) - 0.42) / 0.58
	floor := l.dome + float64(0.10*q*q)
	if q > 0 {
		floor = l.dome + float64((l.costo-l.dome)*q*q*(0.35+float64(0.65*q)))
	}
	edge := step(-0.03, 0.05, across*(lateral-medial)) * step(1.0, 0.955, across)
	base := step(floor+0.022, floor-0.022, y)
	curve := clamp((across-0.3)/0.7, 0, 1)
	depth := math.Sqrt(max(0, 1-float64(0.86*curve*curve*curve))) * (0.86 + float64(0.14*step(0, 0.35, across)))
	depth *= 0.35 + float64(0.65*step(0, 0.38, t))
	// Behind the dome a thin wedge of lung reaches down.
	recess := float64(0.10 * step(l.costo+0.1, floor, y) * (1 - base))
	return depth * edge * (base + recess), across, down
}
