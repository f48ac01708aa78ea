package cpu

// every sets y[i] to x[i*stride].
func (u *microKernel) every(y, x []float32, stride int) {
	i := 0
	switch {
	case stride == 1:
		copy(y, x)
		return
	case stride == 2 && u.thin != nil:
		if i = min(len(y), len(x)/2) &^ 7; i > 0 {
			u.thin(i, ptr(y), ptr(x))
		}
	}
	for ; i < len(y); i++ {
		y[i] = x[i*stride]
	}
}

// place sets y[i*stride] to x[i].
func (u *microKernel) place(y, x []float32, stride int) {
	i := 0
	switch {
	case stride == 1:
		copy(y, x)
		return
	case stride == 2 && u.spread != nil:
		if i = min(len(x), len(y)/2) &^ 7; i > 0 {
			u.spread(i, ptr(y), ptr(x))
		}
	}
	for ; i < len(x); i++ {
		y[i*stride] = x[i]
	}
}
