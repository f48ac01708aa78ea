package augment

import (
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/accel/rng"
)

// Mix joins the images of a batch with those of the batch in reverse, and their targets likewise: timm's Mixup in mode batch. Of
// two that are both above 0, one is drawn for each batch, half the time each. The zero value joins nothing.
type Mix struct {
	Mixup  float64 // alpha of the beta distribution of an image's share; 0: none
	CutMix float64 // alpha of the share that stays of an image in which a rectangle is replaced; 0: none
}

// Validate refuses a negative alpha.
func (m Mix) Validate() error {
	if !(m.Mixup >= 0 && m.CutMix >= 0) {
		return fmt.Errorf("mixup %v and cutmix %v: want 0, or the alpha of a beta distribution", m.Mixup, m.CutMix)
	}
	return nil
}

// Joint is how one batch is joined. Share is what an image keeps of itself, and its targets with it.
type Joint struct {
	Share                    float64
	Top, Left, Bottom, Right int // of the rectangle that CutMix replaces; all 0 with mixup
}

// Draw is the joint of a batch of height x width pixels.
func (m Mix) Draw(seed uint64, batch, height, width int) Joint {
	if m == (Mix{}) {
		return Joint{Share: 1}
	}
	r := rng.New(seed, fmt.Sprintf("augment/mix/%d", batch))
	cut := m.Mixup == 0 || m.CutMix > 0 && r.Float64() < 0.5
	if !cut {
		return Joint{Share: r.Beta(m.Mixup, m.Mixup)}
	}
	return cutout(r.Beta(m.CutMix, m.CutMix), r.Intn(height), r.Intn(width), height, width)
}

// cutout is the rectangle about (cy, cx) of which a share of the picture is to stay, cut at the border, and what then stays.
func cutout(share float64, cy, cx, height, width int) Joint {
	ratio := math.Sqrt(1 - share)
	h, w := int(float64(height)*ratio), int(float64(width)*ratio)
	j := Joint{
		Top: max(cy-h/2, 0), Bottom: min(cy+(h+1)/2, height),
		Left: max(cx-w/2, 0), Right: min(cx+(w+1)/2, width),
	}
	j.Share = 1 - float64((j.Bottom-j.Top)*(j.Right-j.Left))/float64(height*width)
	return j
}

// Images joins images x [N, C, H, W] in place, each of per elements in rows of width.
func (j Joint) Images(x []float32, per, height, width int) {
	if j.Share == 1 {
		return
	}
	rows := slices.Collect(slices.Chunk(x, per))
	for a, b := 0, len(rows)-1; a < b; a, b = a+1, b-1 {
		if j.Bottom == 0 {
			blendRows(rows[a], rows[b], float32(j.Share))
			continue
		}
		for line := 0; line < per/width; line++ {
			if y := line % height; y >= j.Top && y < j.Bottom {
				for i := line*width + j.Left; i < line*width+j.Right; i++ {
					rows[a][i], rows[b][i] = rows[b][i], rows[a][i]
				}
			}
		}
	}
}

// Targets joins targets t [N, C] in place. Of a class that one of the two does not know, which is negative, nothing is known.
func (j Joint) Targets(t []float32, classes int) {
	if j.Share == 1 {
		return
	}
	rows := slices.Collect(slices.Chunk(t, classes))
	for a, b := 0, len(rows)-1; a < b; a, b = a+1, b-1 {
		known := make([]bool, classes)
		for c := range known {
			known[c] = rows[a][c] >= 0 && rows[b][c] >= 0
		}
		blendRows(rows[a], rows[b], float32(j.Share))
		for c, ok := range known {
			if !ok {
				rows[a][c], rows[b][c] = -1, -1
			}
		}
	}
}

// blendRows gives each of two its share and the rest of the other.
func blendRows(a, b []float32, share float32) {
	for i := range a {
		x, y := a[i], b[i]
		a[i] = float32(share*x) + float32((1-share)*y)
		b[i] = float32(share*y) + float32((1-share)*x)
	}
}
