package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel/cpu/internal/poly"
	"github.com/pipe-ml/pipe/accel/internal/atanh"
)

// The elementary functions. Each is a fixed sequence of float32 operations, every one rounded by itself: the
// conversions float32(x*y) forbid the compiler to fuse. The vector code in vec_amd64.s does the same sequence in
// each lane, so all levels give the same bits.

// expf is e^x to 1 unit in the last place from -87.6 to 88.3, where it ends: below it is 0 and above +Inf. NaN stays NaN.
func expf(x float32) float32 {
	if poly.ExpLo > x {
		x = poly.ExpLo
	}
	if poly.ExpHi < x {
		x = poly.ExpHi
	}
	shifted := float32(x*poly.Log2E) + poly.RoundMagic
	n := shifted - poly.RoundMagic
	r := x - float32(n*poly.Ln2Hi)
	r -= float32(n * poly.Ln2Lo)
	p := poly.Exp[0]
	for _, c := range poly.Exp[1:] {
		p = float32(p*r) + c
	}
	p = float32(p*float32(r*r)) + r + 1
	// 2^n by its exponent bits: 0 below the normal numbers, +Inf above them.
	exponent := int32(math.Float32bits(shifted)) - poly.RoundMagicBits + 127
	return p * math.Float32frombits(uint32(max(exponent, 0))<<23)
}

// sigmoidf is 1 / (1 + e^-x).
func sigmoidf(x float32) float32 { return 1 / (1 + expf(-x)) }

// normalf is the distribution function of the standard normal and e^(-x^2/2). The lower tail keeps its relative precision,
// which 1 + erf would lose.
func normalf(x float32) (cdf, density float32) {
	e := expf(-float32(float32(x*x) * 0.5))
	t := 1 / (1 + float32(abs(x)*poly.TailC))
	p := poly.Tail[0]
	for _, c := range poly.Tail[1:] {
		p = float32(p*t) + c
	}
	q := float32(e * float32(p*t))
	if 0 > x {
		return q, e
	}
	return 1 - q, e
}

func abs(x float32) float32 {
	return math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
}

// logf is log(x) for x in [1, 2^24], correctly rounded but for rare cases.
func logf(x float32) float32 {
	fraction, exponent := atanh.Log(float64(x), 13)
	return float32(fraction + float64(exponent*math.Ln2))
}

// rsqrt is 1 / sqrt(x + eps), computed in float64 where both are correctly rounded.
func rsqrt(x, eps float32) float32 {
	return float32(1 / math.Sqrt(float64(x)+float64(eps)))
}
