// Package poly holds the coefficients of the polynomials that package cpu evaluates in Go and its generator writes
// into assembly. They are minimax fits (Remez) in relative error, rounded to float32.
package poly

// exp(x) = 2^n exp(r) with n = round(x Log2E), r = x - n Ln2Hi - n Ln2Lo in [-ln2/2, ln2/2] and exp(r) = 1 + r + r^2 p(r).
// The fit's error is 3e-9. n is rounded by adding and taking away RoundMagic = 1.5 * 2^23.
const (
	Log2E      = 0x1.715476p+0
	Ln2Hi      = 0x1.63p-1 // 9 bits, so that n Ln2Hi is exact
	Ln2Lo      = -0x1.bd0106p-13
	RoundMagic = 0x1.8p23
	// RoundMagicBits is RoundMagic as an integer: the bits of x + RoundMagic less it are round(x).
	RoundMagicBits = 0x4b400000
	// Arguments are clamped to where the result is +Inf or 0 anyway.
	ExpHi = 89
	ExpLo = -88
)

// Exp holds p's coefficients, the highest power first.
var Exp = [5]float32{0x1.6a2404p-10, 0x1.123ap-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2}

// TailC belongs to the upper tail of the standard normal distribution, Q(a) = exp(-a^2/2) t q(t) for a >= 0 with t = 1 / (1 + TailC a). The fit
// over [0, 14.5] has relative error 6e-8.
const TailC = 0.26

// Tail holds q's coefficients, the highest power first.
var Tail = [9]float32{
	0x1.ef4a66p-6, -0x1.364256p-3, 0x1.fd6718p-3, -0x1.2eab66p-3, 0x1.4522dp-3,
	0x1.a9b2ecp-5, 0x1.a505a6p-4, 0x1.a618cap-4, 0x1.a8fd2p-4,
}

// Constants of the activations.
const (
	InvSqrt2Pi = 0.3989422804014327  // density of the standard normal distribution at 0
	QuickGELU  = 1.702               // CLIP's
	TanhLinear = 1.5957691216057308  // 2 sqrt(2/pi): gelu_tanh(x) = x sigmoid(TanhLinear x + TanhCubic x^3)
	TanhCubic  = 0.07135481627260025 // TanhLinear * 0.044715
	TanhCubic3 = 3 * TanhCubic
)
