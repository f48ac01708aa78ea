package cpu

// sum16 adds xs in 16 lanes, element i in lane i%16, and the lanes by halves: the order of every sum, whatever
// the width of a vector register.
func sum16(n int, at func(i int) float32) float32 {
	var lane [16]float32
	for i := range n {
		lane[i&15] += at(i)
	}
	for w := 8; w > 0; w /= 2 {
		for i := range w {
			lane[i] += lane[i+w]
		}
	}
	return lane[0]
}
