package phantom

import (
	"math"

	"github.com/pipe-ml/pipe/accel/rng"
)

// The findings, which are the classes of the set.
const (
	normal        = "normal"
	cardiomegaly  = "cardiomegaly"
	consolidation = "consolidation"
	effusion      = "effusion"
	nodule        = "nodule"
	pneumothorax  = "pneumothorax"
)

var findings = []string{normal, cardiomegaly, consolidation, effusion, nodule, pneumothorax}

// finding is what one image shows: what, where, how much.
type finding struct {
	name     string
	side     int
	upper    bool    // zone, where that means something
	severity float64 // 0: barely there; 1: plain
	at       point   // centre of a consolidation or nodule
	size     float64
}

// newFinding draws where and how much for a finding of that name.
func newFinding(name string, s *rng.Stream) finding {
	f := finding{name: name, side: s.Intn(2), upper: s.Float64() < 0.5, severity: s.Float64()}
	if name == nodule || name == consolidation {
		f.size = 0.038 + float64(0.040*f.severity)
		x, y := 0.26+float64(0.28*s.Float64()), -0.45+float64(0.30*s.Float64())
		if !f.upper {
			y += 0.45
		}
		if name == consolidation {
			f.size = 0.12 + float64(0.11*f.severity)
			x = 0.28 + float64(0.2*s.Float64())
		}
		f.at = point{x * sign(f.side), y}
	}
	return f
}

// heartScale is how much the finding enlarges the heart.
func (f finding) heartScale() float64 {
	if f.name == cardiomegaly {
		return 1.13 + float64(0.24*f.severity)
	}
	return 1
}

// collapse is the share by which a pneumothorax has shrunk the lung.
func (f finding) collapse() float64 { return 0.07 + float64(0.25*f.severity) }

// fill is the share of a lung's air that fluid or consolidated tissue has taken at p.
func (f finding) fill(side int, p point, across, down float64, patch *noise) float64 {
	if f.side != side {
		return 0
	}
	switch f.name {
	case effusion:
		// Fluid stands highest at the wall: the meniscus. A small one only blunts the angle.
		level := 1.0 - 0.16 - float64(0.30*f.severity)
		wall := clamp(across, 0, 1)
		surface := level + 0.16 - float64(0.30*wall*wall*(0.6+float64(0.4*f.severity)))
		return (0.55 + float64(0.4*f.severity)) * step(surface-0.05, surface+0.07, down)
	case consolidation:
		x, y := (p.x-f.at.x)/f.size, (p.y-f.at.y)/(1.15*f.size)
		r := math.Sqrt(float64(x*x)+float64(y*y)) + float64(0.42*patch.at(p))
		// Streaks of air remain inside.
		return (0.40 + float64(0.45*f.severity)) * step(1.25, 0.35, r) * (1 - float64(0.25*step(0.3, 0.9, patch.at(point{3 * p.x, 3 * p.y}))))
	}
	return 0
}

// nodule draws a round shadow into the lung.
func (d *drawing) nodule() {
	h := 0.55 + float64(0.45*d.f.severity)
	at := d.f.at
	d.stroke([]knot{{at, d.f.size, h}, {point{at.x + float64(0.2*d.f.size), at.y + float64(0.1*d.f.size)}, 0.95 * d.f.size, h}}, nil)
}

// noise is smooth random texture over the body plane: two octaves of interpolated lattice values.
type noise struct {
	cells   int
	lattice []float64
}

func newNoise(s *rng.Stream, cells int) *noise {
	t := &noise{cells: cells, lattice: make([]float64, cells*cells)}
	for i := range t.lattice {
		t.lattice[i] = float64(2*s.Float64()) - 1
	}
	return t
}

// at is between -1 and 1.
func (t *noise) at(p point) float64 {
	return (float64(2*t.octave(p.x, p.y)) + t.octave(float64(2.03*p.x)+0.7, float64(2.03*p.y)+0.3)) / 3
}

func (t *noise) octave(x, y float64) float64 {
	// The lattice spans -1 to 1 and repeats.
	n := t.cells
	x, y = float64((x+1)*float64(n)/2), float64((y+1)*float64(n)/2)
	fx, fy := math.Floor(x), math.Floor(y)
	i, j := ((int(fx)%n)+n)%n, ((int(fy)%n)+n)%n
	i1, j1 := (i+1)%n, (j+1)%n
	u, v := step(0, 1, x-fx), step(0, 1, y-fy)
	top := float64(t.lattice[j*n+i]*(1-u)) + float64(t.lattice[j*n+i1]*u)
	bottom := float64(t.lattice[j1*n+i]*(1-u)) + float64(t.lattice[j1*n+i1]*u)
	return float64(top*(1-v)) + float64(bottom*v)
}
