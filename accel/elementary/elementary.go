// Package elementary computes the elementary functions of float64 from sums, products and quotients alone, each rounded by itself, so that every
// platform gives the same bits. The standard library promises no such thing: some of its functions have assembly, which may choose
// its instructions by the processor, and a compiler may fuse the products and sums of the others.
package elementary

import (
	"math"

	"github.com/pipe-ml/pipe/accel/internal/atanh"
)

const ln2Hi, ln2Lo = 0x1.62e42feep-1, 0x1.a39ef35793c76p-33 // their sum is ln 2; an exponent times ln2Hi is exact

// Exp is e^x, to some units in the last place; it ends at the least and the largest normal number. NaN stays NaN.
func Exp(x float64) float64 {
	x = min(max(x, -708), 709)
	n := math.Floor(float64(x*math.Log2E) + 0.5)
	r := x - float64(n*ln2Hi) - float64(n*ln2Lo)
	sum := 1.0 // the series of e^r by Horner, r to 0.35
	for k := 15.0; k > 0; k-- {
		sum = 1 + float64(sum*r)/k
	}
	return math.Ldexp(sum, int(n))
}

// Exp2 is 2^x as math.Exp2 has it where it is plain Go: the series of FreeBSD's e_exp.c, each operation rounded. NaN stays NaN.
func Exp2(x float64) float64 {
	switch {
	case x > 1.0239999999999999e+03:
		return math.Inf(1)
	case x < -1.0740e+03:
		return 0
	case x != x:
		return x
	}
	const ln2Hi, ln2Lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	k := int(x + math.Copysign(0.5, x))
	t := x - float64(k)
	hi, lo := float64(t*ln2Hi), float64(-t*ln2Lo)
	r := hi - lo
	rr := float64(r * r)
	c := r - float64(rr*horner(rr, 4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05, -2.77777777770155933842e-03, 1.66666666666666657415e-01))
	return math.Ldexp(1-((lo-float64(r*c)/(2-c))-hi), k)
}

// Log is the natural logarithm of a normal x > 0, to some units in the last place; of 0 it is -Inf.
func Log(x float64) float64 {
	if x == 0 {
		return math.Inf(-1)
	}
	fraction, exponent := atanh.Log(x, 23)
	return float64(exponent*ln2Hi) + (fraction + float64(exponent*ln2Lo))
}

// Pow is x^y of x = 0 with y > 0, or of a normal x > 0: to some |y log x| units in the last place, and with the ends of Exp.
func Pow(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return Exp(float64(y * Log(x)))
}

// Power is x^n of n >= 0 by squaring.
func Power(x float64, n int) float64 {
	y := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			y = float64(y * x)
		}
		x = float64(x * x)
	}
	return y
}

// Sin is the sine of |x| < 2^29 radians, by the polynomials of Cephes (Moshier 1989).
func Sin(x float64) float64 {
	octant, z := reduce(math.Abs(x))
	y := polynomials(octant == 2 || octant == 6, z)
	if (octant > 3) != (x < 0) {
		return -y
	}
	return y
}

// Cos is the cosine of |x| < 2^29 radians, by the polynomials of Cephes.
func Cos(x float64) float64 {
	octant, z := reduce(math.Abs(x))
	y := polynomials(octant == 0 || octant == 4, z)
	if octant > 1 && octant < 6 {
		return -y
	}
	return y
}

// reduce takes from x >= 0 the nearest multiple of pi/2, and says at which octant, an even one, that is.
func reduce(x float64) (octant int, z float64) {
	const a, b, c = 0x1.921fb4p-1, 0x1.4442dp-25, 0x1.8469898cc517p-49 // their sum is pi/4
	j := int(float64(x * (4 / math.Pi)))
	j += j & 1
	n := float64(j)
	return j & 7, x - float64(n*a) - float64(n*b) - float64(n*c)
}

// polynomials is the cosine or the sine of z, |z| < pi/4.
func polynomials(cosine bool, z float64) float64 {
	zz := float64(z * z)
	if cosine {
		p := horner(zz, -0x1.8fa49a0861a9bp-37, 0x1.1ee9d7b4e3f05p-29, -0x1.27e4f7eac4bc6p-22, 0x1.a01a019c844f5p-16, -0x1.6c16c16c14f91p-10, 0x1.555555555554bp-5)
		return 1 - float64(0.5*zz) + float64(float64(zz*zz)*p)
	}
	p := horner(zz, 0x1.5d8fd1fd19ccdp-33, -0x1.ae5e5a9291f5dp-26, 0x1.71de3567d48a1p-19, -0x1.a01a019bfdf03p-13, 0x1.111111110f7dp-7, -0x1.5555555555548p-3)
	return z + float64(float64(z*zz)*p)
}

func horner(x float64, coefficients ...float64) float64 {
	sum := 0.0
	for _, c := range coefficients {
		sum = float64(sum*x) + c
	}
	return sum
}
