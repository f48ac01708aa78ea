package cpu

func init() {
	windowCodes[levelAVX512] = map[[2]int]windowCode{
		{3, 1}: {correlate: window3x1AVX512, dw: window3x1DwAVX512},
		{3, 2}: {correlate: window3x2AVX512, dw: window3x2DwAVX512, spread: spread3AVX512},
		{5, 1}: {correlate: window5x1AVX512},
		{5, 2}: {correlate: window5x2AVX512, spread: spread5AVX512},
	}
}
