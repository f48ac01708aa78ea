package cpu

func init() {
	microKernels[levelAVX512] = &microKernel{
		mr: 8, nr: 32, run: gemmAVX512,
		lanes: 16, transpose: transposeAVX512,
		span: 64, correlate: correlateAVX512,
	}
	microKernels[levelAVX2] = &microKernel{
		mr: 6, nr: 16, run: gemmAVX2,
		lanes: 8, transpose: transposeAVX2,
		span: 32, correlate: correlateAVX2,
	}
}
