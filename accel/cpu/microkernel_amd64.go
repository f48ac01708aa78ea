package cpu

func init() {
	microKernels[levelAVX512] = &microKernel{
		mr: 8, nr: 32, few: 4, narrow: 16, lanes: 16, span: 64,
		tiles: [2][2]func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int){
			{gemmAVX512, gemmNarrowAVX512}, {gemmFewAVX512, gemmFewNarrowAVX512}},
		transpose: transposeAVX512, correlate: correlateAVX512, copyRows: copyRowsAVX2, copyTaps: copyTapsAVX2, copyPieces: copyPiecesAVX512,
		thin: thinAVX2, zip: zipAVX2, dotTaps: dotTapsAVX512,
	}
	microKernels[levelAVX2] = &microKernel{
		mr: 6, nr: 16, few: 3, narrow: 8, lanes: 8, span: 32,
		tiles: [2][2]func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int){
			{gemmAVX2, gemmNarrowAVX2}, {gemmFewAVX2, gemmFewNarrowAVX2}},
		transpose: transposeAVX2, correlate: correlateAVX2, copyRows: copyRowsAVX2, copyTaps: copyTapsAVX2,
		thin: thinAVX2, zip: zipAVX2, dotTaps: dotTapsAVX2,
	}
}
