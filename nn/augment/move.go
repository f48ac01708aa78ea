package augment

import (
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// affine makes the pixel at (x, y) the one at the nearest place to matrix * (x, y, 1), both counted from the centre (cx, cy) of
// the picture's coordinates; what comes from outside is black.
func (m Image) affine(cx, cy float64, matrix [6]float64) {
	from := make([]byte, len(m.Pixels))
	copy(from, m.Pixels)
	for y := range m.Height {
		for x := range m.Width {
			dx, dy := float64(x)-cx, float64(y)-cy
			sx := int(math.RoundToEven(float64(matrix[0]*dx) + float64(matrix[1]*dy) + matrix[2] + cx))
			sy := int(math.RoundToEven(float64(matrix[3]*dx) + float64(matrix[4]*dy) + matrix[5] + cy))
			inside := sx >= 0 && sx < m.Width && sy >= 0 && sy < m.Height
			for c := range m.Channels {
				v := byte(0)
				if inside {
					v = from[c*m.area()+sy*m.Width+sx]
				}
				m.plane(c)[y*m.Width+x] = v
			}
		}
	}
}

// The corner that shears hold still: the outer one of the first pixel.
const corner = -0.5

// ShearX moves row y by factor*y pixels to the left.
func (m Image) ShearX(factor float64) { m.affine(corner, corner, [6]float64{1, factor, 0, 0, 1, 0}) }

// ShearY moves column x by factor*x pixels upwards.
func (m Image) ShearY(factor float64) { m.affine(corner, corner, [6]float64{1, 0, 0, factor, 1, 0}) }

// Translate moves the picture right and down.
func (m Image) Translate(x, y int) {
	m.affine(0, 0, [6]float64{1, 0, float64(-x), 0, 1, float64(-y)})
}

// Rotate turns the picture about its middle, counter-clockwise in degrees.
func (m Image) Rotate(degrees float64) {
	angle := degrees * math.Pi / 180
	s, c := float64(float32(elementary.Sin(angle))), float64(float32(elementary.Cos(angle)))
	m.affine(float64(m.Width-1)/2, float64(m.Height-1)/2, [6]float64{c, -s, 0, s, c, 0})
}

// Crop makes the h x w pixels from (top, left) on fill the picture: bilinear with antialiasing, a triangle that widens as
// the piece shrinks.
func (m Image) Crop(top, left, h, w int) {
	columns, rows := triangles(left, w, m.Width), triangles(top, h, m.Height)
	narrow := make([]float64, h*m.Width) // the piece's rows at their new width
	for c := range m.Channels {
		plane := m.plane(c)
		for y := range h {
			row := plane[(top+y)*m.Width:][:m.Width]
			for x, f := range columns {
				sum := 0.0
				for k, v := range f.weight {
					sum += float64(v * float64(row[f.first+k]))
				}
				narrow[y*m.Width+x] = sum
			}
		}
		for y, f := range rows {
			for x := range m.Width {
				sum := 0.0
				for k, v := range f.weight {
					sum += float64(v * narrow[(f.first-top+k)*m.Width+x])
				}
				plane[y*m.Width+x] = byte(min(max(math.Floor(sum+0.5), 0), 255))
			}
		}
	}
}

// filter is where a pixel comes from: the pixels from first on, by their weights, which add up to 1.
type filter struct {
	first  int
	weight []float64
}

// triangles are the filters that bring n pixels from start on to size.
func triangles(start, n, size int) []filter {
	scale := float64(n) / float64(size)
	support := max(scale, 1)
	out := make([]filter, size)
	for i := range out {
		middle := float64((float64(i) + 0.5) * scale)
		lo, hi := max(int(middle-support+0.5), 0), min(int(middle+support+0.5), n)
		sum := 0.0
		for k := lo; k < hi; k++ {
			v := max(0, 1-math.Abs(float64(k)+0.5-middle)/support)
			out[i].weight = append(out[i].weight, v)
			sum += v
		}
		for k := range out[i].weight {
			out[i].weight[k] /= sum
		}
		out[i].first = start + lo
	}
	return out
}
