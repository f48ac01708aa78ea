package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// onScale returns c with its x values where its scale places them on an even axis, and the ticks of that axis. gonum
// keeps room for the label of an axis with a scale of its own at the wrong place, which costs a third of the figure.
func (c Chart) onScale() (Chart, plot.Ticker, error) {
	xs := c.xs()
	var place func(x float64) float64
	var ticks []plot.Tick
	switch c.XScale {
	case "", "linear":
		return c, roundTicks{}, nil
	case "log":
		if len(xs) > 0 && xs[0] <= 0 {
			return c, nil, fmt.Errorf("a logarithmic x axis cannot show %v; use a symlog or a linear one", xs[0])
		}
		place, ticks = log10, ticksAt(xs)
	case "symlog":
		s := symlogOf(xs)
		place, ticks = s.place, s.ticks(xs)
	default:
		return c, nil, fmt.Errorf("unknown x scale %q", c.XScale)
	}
	for i := range ticks {
		ticks[i].Value = place(ticks[i].Value)
	}
	c.Series = slices.Clone(c.Series)
	for i, s := range c.Series {
		c.Series[i].Points = slices.Clone(s.Points)
		for j, pt := range s.Points {
			c.Series[i].Points[j].X = place(pt.X)
		}
	}
	return c, plot.ConstantTicks(ticks), nil
}

// xs are the x values that occur, in rising order.
func (c Chart) xs() []float64 {
	var xs []float64
	for _, s := range c.Series {
		for _, pt := range s.Points {
			xs = append(xs, pt.X)
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}

// ticksAt labels the x values that occur: a sweep has few, and they are what a reader looks for.
func ticksAt(xs []float64) []plot.Tick {
	ticks := make([]plot.Tick, len(xs))
	for i, x := range xs {
		ticks[i] = plot.Tick{Value: x}
		if len(xs) <= 12 || i%int(math.Ceil(float64(len(xs))/12)) == 0 {
			ticks[i].Label = strconv.FormatFloat(x, 'g', 4, 64)
		}
	}
	return ticks
}

// symlog is a scale that shows 0 beside large values: linear from 0 to the power of ten that it is, where each way
// takes as much room as a decade, and logarithmic beyond, on both sides of 0.
type symlog int

// symlogOf is the scale that is linear up to the last power of ten that no x but 0 is below.
func symlogOf(xs []float64) symlog {
	least := math.Inf(1)
	for _, x := range xs {
		if x != 0 {
			least = min(least, math.Abs(x))
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return symlog(decade(least))
}

// place is where x is on the axis, in decades from 0.
func (s symlog) place(x float64) float64 {
	v := math.Abs(x) / math.Pow10(int(s))
	if v > 1 {
		v = 1 + float64(log10(v))
	}
	return math.Copysign(v, x)
}

// ticks are 0 and the powers of ten between the first and the last of xs, which rise.
func (s symlog) ticks(xs []float64) []plot.Tick {
	if len(xs) == 0 {
		return nil
	}
	low, high := xs[0], xs[len(xs)-1]
	ticks := []plot.Tick{{Value: 0, Label: "0"}}
	for e := int(s); math.Pow10(e) <= max(-low, high); e++ {
		for _, v := range []float64{-math.Pow10(e), math.Pow10(e)} {
			ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', -1, 64)})
		}
	}
	return slices.DeleteFunc(ticks, func(t plot.Tick) bool { return t.Value < low || t.Value > high })
}

// roundTicks marks an axis at multiples of 1, 2 or 5 times a power of ten, at 8 of them or fewer.
type roundTicks struct{}

// Ticks implements plot.Ticker.
func (roundTicks) Ticks(low, high float64) []plot.Tick {
	const most, slack = 8, 1e-9 // the slack keeps a mark at an end that rounding would push over it
	e := decade((high - low) / most)
	var step float64
	var first, last int
	for _, m := range []float64{1, 2, 5, 10} {
		step = m * math.Pow10(e)
		if first, last = int(math.Ceil(low/step-slack)), int(math.Floor(high/step+slack)); last-first < most {
			if m == 10 {
				e++
			}
			break
		}
	}
	ticks := make([]plot.Tick, 0, most)
	for i := first; i <= last; i++ {
		v := float64(i) * step
		label := strconv.FormatFloat(v, 'f', max(-e, 0), 64)
		if e < -4 || e > 4 {
			label = strconv.FormatFloat(v, 'g', 6, 64)
		}
		ticks = append(ticks, plot.Tick{Value: min(max(v, low), high), Label: label})
	}
	return ticks
}

func log10(x float64) float64 { return elementary.Log(x) / math.Ln10 }

// decade is the exponent of the last power of ten that is not above x, a positive number.
func decade(x float64) int {
	e := int(math.Floor(log10(x)))
	switch { // the logarithm may be off by its last bit
	case math.Pow10(e) > x:
		return e - 1
	case math.Pow10(e+1) <= x:
		return e + 1
	}
	return e
}
