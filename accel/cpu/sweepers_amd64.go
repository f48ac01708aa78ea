package cpu

func init() {
	sweepers[levelAVX512] = []sweeper{{rows: 4, span: 64, run: sweep4AVX512}, {rows: 8, span: 32, run: sweep8AVX512}}
	sweepers[levelAVX2] = []sweeper{{rows: 4, span: 24, run: sweep4AVX2}, {rows: 6, span: 16, run: sweep6AVX2}}
}
