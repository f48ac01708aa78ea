package cpu

import "math"

// halfWay masks the bits that are all 0 in a float64 that lies half way between two float32.
const halfWay = 1<<28 - 1

// fma32 is x*y+z rounded once to float32, the same bits as a processor's fused multiply-add.
//
// The product of two float32 is exact in float64. The sum is rounded there once, and rounding it again to float32
// goes wrong only where the float64 is exactly half way between two float32 (normal or not); such a value ends in 28 zero
// bits. There the lost part of the sum decides: it is put back as the lowest bit ("round to odd").
func fma32(x, y, z float32) float32 {
	p, q := float64(x)*float64(y), float64(z)
	s := p + q
	bits := math.Float64bits(s)
	if bits&halfWay != 0 {
		return float32(s)
	}
	t := s - p
	lost := (p - (s - t)) + (q - t)
	switch {
	case lost == 0 || lost != lost: // exact, or infinite
	case (lost > 0) == (s > 0):
		bits++
	default:
		bits--
	}
	return float32(math.Float64frombits(bits))
}
