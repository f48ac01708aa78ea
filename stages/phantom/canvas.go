package phantom

import (
	"image"
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// point is a place in the body plane: x to the image's right, y down, the image spans -1 to 1.
type point struct{ x, y float64 }

// canvas is a square of values over the body plane, seen through a pose.
type canvas struct {
	n    int
	v    []float64
	pose pose

	layer    []float64 // scratch of stroke
	segments []segment
}

// pose is how the body lies on the detector: rotated, shifted, scaled.
type pose struct {
	sin, cos float64
	dx, dy   float64
	scaleX   float64
	scaleY   float64
}

func newCanvas(n int, p pose) *canvas { return &canvas{n: n, v: make([]float64, n*n), pose: p} }

// body is the place in the body that pixel i, j shows.
func (c *canvas) body(i, j int) point {
	x := (float64(2*float64(i))+1)/float64(c.n) - 1 - c.pose.dx
	y := (float64(2*float64(j))+1)/float64(c.n) - 1 - c.pose.dy
	return point{(float64(x*c.pose.cos) + float64(y*c.pose.sin)) / c.pose.scaleX, (float64(y*c.pose.cos) - float64(x*c.pose.sin)) / c.pose.scaleY}
}

// pixel is where a place in the body lies on the detector, in pixels.
func (c *canvas) pixel(p point) (x, y float64) {
	bx, by := p.x*c.pose.scaleX, p.y*c.pose.scaleY
	x = float64(bx*c.pose.cos) - float64(by*c.pose.sin) + c.pose.dx
	y = float64(bx*c.pose.sin) + float64(by*c.pose.cos) + c.pose.dy
	half := float64(c.n) / 2
	return float64((x+1)*half) - 0.5, float64((y+1)*half) - 0.5
}

// knot is one point of a stroke: its place, half width and height of the profile there.
type knot struct {
	at     point
	radius float64
	height float64
}

// segment is a piece of a stroke on the detector, in pixels, with half width and height at both ends.
type segment struct{ ax, ay, bx, by, ra, rb, ha, hb float64 }

// stroke adds a tube along the knots, of round profile, to the canvas, times the mask where one is given.
// Where the tube meets itself it counts once.
func (c *canvas) stroke(knots []knot, mask []float64) {
	if len(knots) < 2 {
		return
	}
	half := float64(c.n) / 2
	minX, minY, maxX, maxY := c.n, c.n, -1, -1
	segments := c.segments[:0]
	for k := 1; k < len(knots); k++ {
		a, b := knots[k-1], knots[k]
		var s segment
		s.ax, s.ay = c.pixel(a.at)
		s.bx, s.by = c.pixel(b.at)
		// A tube thinner than the detector can show keeps its mass: it is drawn half a pixel wide, and flatter.
		s.ra, s.ha = atLeast(a.radius*half, 0.7, a.height)
		s.rb, s.hb = atLeast(b.radius*half, 0.7, b.height)
		r := max(s.ra, s.rb) + 1
		minX = min(minX, int(math.Floor(min(s.ax, s.bx)-r)))
		minY = min(minY, int(math.Floor(min(s.ay, s.by)-r)))
		maxX = max(maxX, int(math.Ceil(max(s.ax, s.bx)+r)))
		maxY = max(maxY, int(math.Ceil(max(s.ay, s.by)+r)))
		segments = append(segments, s)
	}
	c.segments = segments
	minX, minY, maxX, maxY = max(minX, 0), max(minY, 0), min(maxX, c.n-1), min(maxY, c.n-1)
	if minX > maxX || minY > maxY {
		return
	}
	w := maxX - minX + 1
	c.layer = append(c.layer[:0], make([]float64, w*(maxY-minY+1))...)
	layer := c.layer
	for _, s := range segments {
		dx, dy := s.bx-s.ax, s.by-s.ay
		length2 := float64(dx*dx) + float64(dy*dy) + 1e-12
		r := max(s.ra, s.rb) + 1
		x0, x1 := max(minX, int(min(s.ax, s.bx)-r)), min(maxX, int(max(s.ax, s.bx)+r)+1)
		y0, y1 := max(minY, int(min(s.ay, s.by)-r)), min(maxY, int(max(s.ay, s.by)+r)+1)
		for y := y0; y <= y1; y++ {
			for x := x0; x <= x1; x++ {
				px, py := float64(x)-s.ax, float64(y)-s.ay
				t := clamp((float64(px*dx)+float64(py*dy))/length2, 0, 1)
				ex, ey := px-float64(t*dx), py-float64(t*dy)
				radius := s.ra + float64(t*(s.rb-s.ra))
				q := 1 - (float64(ex*ex)+float64(ey*ey))/(radius*radius)
				if q <= 0 {
					continue
				}
				h := (s.ha + float64(t*(s.hb-s.ha))) * math.Sqrt(q)
				if at := (y-minY)*w + x - minX; h > layer[at] {
					layer[at] = h
				}
			}
		}
	}
	for y := minY; y <= maxY; y++ {
		for x := minX; x <= maxX; x++ {
			h := layer[(y-minY)*w+x-minX]
			if mask != nil {
				h *= mask[y*c.n+x]
			}
			c.v[y*c.n+x] += h
		}
	}
}

func atLeast(radius, least, height float64) (float64, float64) {
	if radius >= least {
		return radius, height
	}
	return least, height * radius / least
}

// blur returns a copy smoothed by two passes of a running mean over 2r+1 pixels each way, edges repeated.
func blur(v []float64, n, r int) []float64 {
	out := append([]float64(nil), v...)
	line := make([]float64, n)
	pass := func(start, step int) {
		at := func(i int) float64 { return line[min(max(i, 0), n-1)] }
		for i := range n {
			line[i] = out[start+i*step]
		}
		sum := 0.0
		for i := -r; i <= r; i++ {
			sum += at(i)
		}
		for i := range n {
			out[start+i*step] = sum / float64(2*r+1)
			sum += at(i+r+1) - at(i-r)
		}
	}
	for range 2 {
		for i := range n {
			pass(i*n, 1)
		}
		for i := range n {
			pass(i, n)
		}
	}
	return out
}

// gray turns values from 0 to 1 into an image.
func gray(v []float64, n int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, n, n))
	for i, x := range v {
		img.Pix[i] = uint8(float64(clamp(x, 0, 1)*255) + 0.5)
	}
	return img
}

func clamp(x, lo, hi float64) float64 {
	if x < lo {
		return lo
	}
	if x > hi {
		return hi
	}
	return x
}

// step goes smoothly from 0 to 1 while x goes from a to b; a may be above b. Inlined, its differences could be fused with a caller's products.
//
//go:noinline
func step(a, b, x float64) float64 {
	t := clamp((x-a)/(b-a), 0, 1)
	return float64(t * t * (3 - float64(2*t)))
}

// exp is e^x.
func exp(x float64) float64 { return elementary.Exp2(float64(x * math.Log2E)) }

func square(x float64) float64 { return float64(x * x) }

// bump is a smooth hill of height 1 at 0 and width 1.
func bump(x float64) float64 { return exp(-x * x) }
