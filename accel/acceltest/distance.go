package acceltest

import "math"

// Distance is |got - want| / |want|: how far two devices' results are from each other.
func Distance(want, got []float32) float64 {
	var far, size float64
	for i, v := range want {
		d := float64(v) - float64(got[i])
		far += float64(d * d)
		size += float64(float64(v) * float64(v))
	}
	return math.Sqrt(far / size)
}
