package cpu

//go:generate go run ./internal/gen vec

func init() {
	assembly[levelAVX512] = vectors{
		add: addAVX512, mul: mulAVX512, scale: scaleAVX512, shift: shiftAVX512, expShift: expShiftAVX512, subScale: subScaleAVX512,
		larger: largerAVX512, firstLarger: firstLargerAVX512, addReLUDx: addReLUDxAVX512,
		normScalar: normScalarAVX512, normRow: normRowAVX512, normScalarDx: normScalarDxAVX512, normRowDx: normRowDxAVX512,
		normRowDparams: normRowDparamsAVX512,
		sum:            sumAVX512, sumSquares: sumSquaresAVX512, sumSquaresDiff: sumSquaresDiffAVX512, dot: dotAVX512,
		gradientSums: gradientSumsAVX512, gradientSumsDx: gradientSumsDxAVX512, dotCentredScaled: dotCentredScaledAVX512, maximum: maximumAVX512,
		activation: map[string]func(n int, y, x *float32){
			"relu": reluAVX512, "relu6": relu6AVX512, "silu": siluAVX512, "gelu": geluAVX512, "gelu_tanh": geluTanhAVX512,
			"quick_gelu": quickGELUAVX512,
		},
		activationDx: map[string]func(n int, dx, x, dy *float32){
			"relu": reluDxAVX512, "relu6": relu6DxAVX512, "silu": siluDxAVX512, "gelu": geluDxAVX512, "gelu_tanh": geluTanhDxAVX512,
			"quick_gelu": quickGELUDxAVX512,
		},
		adamw: adamwAVX512, sgd: sgdAVX512, philox: philoxAVX512,
	}
	assembly[levelAVX2] = vectors{
		add: addAVX2, mul: mulAVX2, scale: scaleAVX2, shift: shiftAVX2, expShift: expShiftAVX2, subScale: subScaleAVX2,
		larger: largerAVX2, firstLarger: firstLargerAVX2, addReLUDx: addReLUDxAVX2,
		normScalar: normScalarAVX2, normRow: normRowAVX2, normScalarDx: normScalarDxAVX2, normRowDx: normRowDxAVX2,
		normRowDparams: normRowDparamsAVX2,
		sum:            sumAVX2, sumSquares: sumSquaresAVX2, sumSquaresDiff: sumSquaresDiffAVX2, dot: dotAVX2,
		gradientSums: gradientSumsAVX2, gradientSumsDx: gradientSumsDxAVX2, dotCentredScaled: dotCentredScaledAVX2, maximum: maximumAVX2,
		activation: map[string]func(n int, y, x *float32){
			"relu": reluAVX2, "relu6": relu6AVX2, "silu": siluAVX2, "gelu": geluAVX2, "gelu_tanh": geluTanhAVX2,
			"quick_gelu": quickGELUAVX2,
		},
		activationDx: map[string]func(n int, dx, x, dy *float32){
			"relu": reluDxAVX2, "relu6": relu6DxAVX2, "silu": siluDxAVX2, "gelu": geluDxAVX2, "gelu_tanh": geluTanhDxAVX2,
			"quick_gelu": quickGELUDxAVX2,
		},
		adamw: adamwAVX2, sgd: sgdAVX2, philox: philoxAVX2,
	}
}
