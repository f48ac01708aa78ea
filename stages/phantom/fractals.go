package phantom

import (
	"fmt"
	"image"
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/stages/source"
)

func init() {
	Register(Phantom{
		Name: "fractals",
		Doc: "Formula-driven images for pretraining: a class is a random iterated function system, its images vary the " +
			"system's parameters, orientation and exposure. After Kataoka et al., \"Pre-training without natural images\", ACCV 2020 (FractalDB).",
		Options: []Option{
			{Name: "classes", Default: 64, Min: 2, Max: 10000, Doc: "classes, each its own system"},
			{Name: "count", Default: 3200, Min: 2, Max: 10000000, Doc: "images, dealt to the classes in turn"},
			{Name: "seed", Default: 0, Min: 0, Max: math.MaxInt32, Doc: "of all random numbers"},
			{Name: "size", Default: 64, Min: 16, Max: 1024, Doc: "edge in pixels"},
		},
		Make: fractals,
	})
}

func fractals(o map[string]int) *source.Set {
	set := &source.Set{Modality: "synthetic"}
	seed, size := uint64(o["seed"]), o["size"]
	systems := make([]ifs, o["classes"])
	for c := range systems {
		systems[c] = newIFS(seed, c)
		set.Classes = append(set.Classes, className(c))
	}
	for i := range o["count"] {
		c := i % len(systems)
		set.Items = append(set.Items, source.Item{
			Origin: fmt.Sprintf("%s-%06d", className(c), i/len(systems)),
			Label:  className(c),
			Load: func() (image.Image, error) {
				return systems[c].render(size, rng.New(seed, fmt.Sprintf("fractals/class/%d/image/%d", c, i/len(systems)))), nil
			},
		})
	}
	return set
}

func className(c int) string { return fmt.Sprintf("ifs%05d", c) }

// ifs is an iterated function system: affine maps x' = a x + b y + e, y' = c x + d y + f, each chosen with a
// probability in proportion to the area it keeps.
type ifs struct {
	maps       [][6]float64 // a b c d e f
	cumulative []float64
}

// newIFS searches the class's own stream for a system whose attractor is bounded and fills a fifth of its box,
// the rate that the paper found best.
func newIFS(seed uint64, class int) ifs {
	s := rng.New(seed, fmt.Sprintf("fractals/class/%d", class))
	const wanted = 0.2
	for {
		f := ifs{maps: make([][6]float64, 2+s.Intn(7))}
		for i := range f.maps {
			for drawn := false; !drawn || stretch(f.maps[i]) >= 1; drawn = true {
				for k := range f.maps[i] {
					f.maps[i][k] = float64(2*s.Float64()) - 1
				}
			}
		}
		f.weigh()
		const grid = 32
		cells, ok := f.trace(grid, 6*grid*grid, rng.New(seed, "fractals/probe"))
		if ok && filled(cells) >= wanted {
			return f
		}
	}
}

// stretch is the square of the most that a map lengthens a distance. Maps that all shorten give sharp
// attractors; FractalDB also takes others, whose points fly far apart and leave a blur.
func stretch(m [6]float64) float64 {
	a, b, c, d := m[0], m[1], m[2], m[3]
	sum, det := float64(a*a)+float64(b*b)+float64(c*c)+float64(d*d), float64(a*d)-float64(b*c)
	return (sum + math.Sqrt(max(0, float64(sum*sum)-float64(4*det*det)))) / 2
}

func (f *ifs) weigh() {
	f.cumulative = make([]float64, len(f.maps))
	sum := 0.0
	for i, m := range f.maps {
		sum += math.Abs(float64(m[0]*m[3])-float64(m[1]*m[2])) + 1e-3
		f.cumulative[i] = sum
	}
	for i := range f.cumulative {
		f.cumulative[i] /= sum
	}
}

// trace runs the chaos game and counts the visits to each cell of a grid laid over the attractor's box. It
// fails for a system that runs away or falls into a point.
func (f *ifs) trace(n, points int, s *rng.Stream) ([]float64, bool) {
	const burnIn, limit = 32, 1e3
	path := make([]point, 0, points)
	p := point{}
	lo, hi := point{limit, limit}, point{-limit, -limit}
	for i := range points + burnIn {
		// One word gives the map; a double is not needed for at most eight of them.
		u := float64(s.Float32())
		k := 0
		for k < len(f.cumulative)-1 && u >= f.cumulative[k] {
			k++
		}
		m := &f.maps[k]
		p = point{float64(m[0]*p.x) + float64(m[1]*p.y) + m[4], float64(m[2]*p.x) + float64(m[3]*p.y) + m[5]}
		if !(math.Abs(p.x) < limit && math.Abs(p.y) < limit) {
			return nil, false
		}
		if i < burnIn {
			continue
		}
		path = append(path, p)
		lo, hi = point{min(lo.x, p.x), min(lo.y, p.y)}, point{max(hi.x, p.x), max(hi.y, p.y)}
	}
	width, height := hi.x-lo.x, hi.y-lo.y
	if width < 1e-3 || height < 1e-3 {
		return nil, false
	}
	cells := make([]float64, n*n)
	for _, p := range path {
		x, y := int(float64((p.x-lo.x)/width*float64(n-1))+0.5), int(float64((p.y-lo.y)/height*float64(n-1))+0.5)
		cells[y*n+x]++
	}
	return cells, true
}

func filled(cells []float64) float64 {
	n := 0
	for _, c := range cells {
		if c > 0 {
			n++
		}
	}
	return float64(n) / float64(len(cells))
}

// render draws one image of the class: one kind of parameter is scaled by up to a fifth, as in the paper,
// the result turned over at random, visits shown by their logarithm.
func (f *ifs) render(n int, s *rng.Stream) *image.Gray {
	varied := ifs{maps: make([][6]float64, len(f.maps))}
	which, factor := s.Intn(6), 0.8+float64(0.4*s.Float64())
	for i, m := range f.maps {
		m[which] *= factor
		varied.maps[i] = m
	}
	varied.weigh()
	flipX, flipY, gain := s.Intn(2) == 1, s.Intn(2) == 1, 0.7+float64(0.3*s.Float64())
	cells, ok := varied.trace(n, 3*n*n, s)
	if !ok || filled(cells) < 0.05 {
		cells, _ = f.trace(n, 3*n*n, s) // the class itself never fails
	}
	top := 1.0
	for _, c := range cells {
		top = max(top, c)
	}
	out := make([]float64, n*n)
	for y := range n {
		for x := range n {
			sx, sy := x, y
			if flipX {
				sx = n - 1 - x
			}
			if flipY {
				sy = n - 1 - y
			}
			if c := cells[sy*n+sx]; c > 0 {
				out[y*n+x] = gain * (0.25 + 0.75*elementary.Log(1+c)/elementary.Log(1+top))
			}
		}
	}
	return gray(out, n)
}
