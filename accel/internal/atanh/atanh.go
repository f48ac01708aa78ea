// Package atanh computes the natural logarithm from float64 sums, products and quotients alone, each rounded by itself, so that every platform
// gives the same bits; math.Log promises no such thing.
//
// Vocabulary. x = m 2^e with m in [sqrt(1/2), sqrt(2)), and log m = 2 atanh(t) with t = (m-1) / (m+1), |t| < 0.1716, by the series
// t + t^3/3 + t^5/5 + ....
package atanh

import "math"

// Log splits log(x) of a normal x > 0 into log m and e; the caller adds e ln 2 as exactly as it needs. last is the power of the series' last term, which
// is odd: 13 leaves a relative error below 2^-36, 23 one below 2^-60.
func Log(x float64, last int) (fraction, exponent float64) {
	m, e := math.Frexp(x) // m in [1/2, 1)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	t := (m - 1) / (m + 1)
	t2 := float64(t * t)
	sum := 1 / float64(last)
	for k := last - 2; k >= 1; k -= 2 {
		sum = float64(sum*t2) + 1/float64(k)
	}
	return float64(2 * t * sum), float64(e)
}
