package cpu

// width is the number of lanes of a sum.
const width = 16

// lanes is a sum in progress: element i of a row is added to lane i mod 16.
type lanes [width]float32

// total adds the lanes as a tree: j with j+8, then j+4, j+2 and j+1.
func (s *lanes) total() float32 {
	a0, a1, a2, a3 := s[0]+s[8], s[1]+s[9], s[2]+s[10], s[3]+s[11]
	a4, a5, a6, a7 := s[4]+s[12], s[5]+s[13], s[6]+s[14], s[7]+s[15]
	return ((a0 + a4) + (a2 + a6)) + ((a1 + a5) + (a3 + a7))
}
