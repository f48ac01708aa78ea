package roofline

import "math"

// work is what one launch asks of a card.
type work struct {
	function string
	blocks   int
	issue    float64 // instructions of warps
	shared   float64 // reads and writes of shared memory by warps
	cache    float64 // bytes through the second cache
	memory   float64 // bytes of the card's memory
	tensor   float64 // FLOP of tensor cores, what is beside the result included
}

// bound is how long the launch takes at least, in seconds, and what takes that long.
func (w work) bound(c Card) (seconds float64, by string) {
	fill := w.fill(c)
	for _, b := range []struct {
		by      string
		seconds float64
	}{
		{"memory", w.memory / c.Memory},
		{"second cache", w.cache / c.cache()},
		{"instructions", w.issue / c.issue() / fill},
		{"shared memory", w.shared / c.shared() / fill},
		{"tensor cores", w.tensor / max(c.BF16*mmaSync, 1) / fill},
	} {
		if b.seconds > seconds {
			seconds, by = b.seconds, b.by
		}
	}
	if fill < 0.7 && by != "memory" && by != "second cache" {
		by += ", multiprocessors idle"
	}
	return seconds, by
}

// fill is the share of the multiprocessors that have a block, on average over the launch: the last ones have company or not.
func (w work) fill(c Card) float64 {
	slots := c.Multiprocessors * resident(w.function)
	if w.blocks < slots { // all run at once; one with more blocks is done last
		each := math.Ceil(float64(w.blocks) / float64(c.Multiprocessors))
		return float64(w.blocks) / (each * float64(c.Multiprocessors))
	}
	rounds := math.Ceil(float64(w.blocks) / float64(slots))
	return float64(w.blocks) / (rounds * float64(slots))
}
