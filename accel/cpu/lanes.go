package cpu

// width is the number of lanes of a sum.
const width = 16

// lanes is a sum in progress: element i of a row is added to lane i mod 16.
type lanes [width]float32

// total adds the lanes as a tree: j with j+8, then j+4, j+2 and j+1.
func (s *lanes) total() float32 {
	t := *s
	for half := width / 2; half > 0; half /= 2 {
		for j := range half {
			t[j] += t[j+half]
		}
	}
	return t[0]
}
