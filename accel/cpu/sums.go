package cpu

// The sums add a row to lanes; but for gradientSums the caller clears them and takes the total.

// sum: acc += x.
func (l level) sum(acc *lanes, x []float32) {
	i := 0
	if f := assembly[l].sum; f != nil {
		i = whole(len(x))
		f(i, &acc[0], ptr(x))
	}
	for ; i < len(x); i++ {
		acc[i%width] += x[i]
	}
}

// sumSquares: acc += (x - mean)^2.
func (l level) sumSquares(acc *lanes, x []float32, mean float32) {
	i := 0
	if f := assembly[l].sumSquares; f != nil {
		i = whole(len(x))
		f(i, &acc[0], ptr(x), mean)
	}
	for ; i < len(x); i++ {
		d := x[i] - mean
		acc[i%width] += float32(d * d)
	}
}

// sumSquaresDiff: acc += (x - y)^2.
func (l level) sumSquaresDiff(acc *lanes, x, y []float32) {
	i, y := 0, y[:len(x)]
	if f := assembly[l].sumSquaresDiff; f != nil {
		i = whole(len(x))
		f(i, &acc[0], ptr(x), ptr(y))
	}
	for ; i < len(x); i++ {
		d := x[i] - y[i]
		acc[i%width] += float32(d * d)
	}
}

// dot: acc += x * y.
func (l level) dot(acc *lanes, x, y []float32) {
	i, y := 0, y[:len(x)]
	if f := assembly[l].dot; f != nil {
		i = whole(len(x))
		f(i, &acc[0], ptr(x), ptr(y))
	}
	for ; i < len(x); i++ {
		acc[i%width] += float32(x[i] * y[i])
	}
}

// gradientSums returns the sums of dy and of (x - mean) * dy; it clears the lanes.
func (l level) gradientSums(acc *[2]lanes, x, dy []float32, mean float32) (s, sx float32) {
	*acc = [2]lanes{}
	i, dy := 0, dy[:len(x)]
	if f := assembly[l].gradientSums; f != nil {
		i = whole(len(x))
		f(i, &acc[0][0], &acc[1][0], ptr(x), ptr(dy), mean)
	}
	for ; i < len(x); i++ {
		acc[0][i%width] += dy[i]
		acc[1][i%width] += float32((x[i] - mean) * dy[i])
	}
	return acc[0].total(), acc[1].total()
}

// gradientSumsDx is gradientSums and dx = dy * c. dx may be dy.
func (l level) gradientSumsDx(acc *[2]lanes, dx, x, dy []float32, mean, c float32) (s, sx float32) {
	*acc = [2]lanes{}
	i, dy, dx := 0, dy[:len(x)], dx[:len(x)]
	if f := assembly[l].gradientSumsDx; f != nil {
		i = whole(len(x))
		f(i, &acc[0][0], &acc[1][0], ptr(dx), ptr(x), ptr(dy), mean, c)
	}
	for ; i < len(x); i++ {
		acc[0][i%width] += dy[i]
		acc[1][i%width] += float32((x[i] - mean) * dy[i])
		dx[i] = dy[i] * c
	}
	return acc[0].total(), acc[1].total()
}

// dotCentredScaled: acc += (x - mean) * (dy * gain).
func (l level) dotCentredScaled(acc *lanes, x, dy, gain []float32, mean float32) {
	i, dy, gain := 0, dy[:len(x)], gain[:len(x)]
	if f := assembly[l].dotCentredScaled; f != nil {
		i = whole(len(x))
		f(i, &acc[0], ptr(x), ptr(dy), ptr(gain), mean)
	}
	for ; i < len(x); i++ {
		acc[i%width] += float32((x[i] - mean) * float32(dy[i]*gain[i]))
	}
}

// maximum returns the largest element of x, which is not empty. NaN elements do not count.
func (l level) maximum(acc *lanes, x []float32) float32 {
	for j := range acc {
		acc[j] = x[0]
	}
	i := 0
	if f := assembly[l].maximum; f != nil {
		i = whole(len(x))
		f(i, &acc[0], ptr(x))
	}
	for ; i < len(x); i++ {
		if x[i] > acc[i%width] {
			acc[i%width] = x[i]
		}
	}
	for half := width / 2; half > 0; half /= 2 {
		for j := range half {
			acc[j] = max(acc[j], acc[j+half])
		}
	}
	return acc[0]
}
