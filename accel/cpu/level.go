package cpu

// level is an instruction set, the better the greater.
type level uint8

const (
	levelGo level = iota
	levelAVX2
	levelAVX512
)

func (l level) String() string {
	return [...]string{"go", "avx2", "avx512"}[l]
}

// Levels lists the levels of this machine, best first; "go" is always among them.
func Levels() []string {
	var names []string
	for _, l := range levels() {
		names = append(names, l.String())
	}
	return names
}

func bestLevel() level { return levels()[0] }
