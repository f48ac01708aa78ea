package acceltest

import "math"

// Distance is |got - want| / |want|: how far two devices' results are from each other.
func Distance(want, got []float32) float64 {
	var far, size float64
	for i, v := range want {
		far += math.Pow(float64(v)-float64(got[i]), 2)
		size += math.Pow(float64(v), 2)
	}
	return math.Sqrt(far / size)
}
