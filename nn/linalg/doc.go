// Package linalg decomposes matrices in float64, for methods that start from singular vectors and metrics of covariances. Every product is
// rounded and every sum has its order, so that results are the same bits on every machine and for any number of threads; that is why it is not
// a library, whose assembly differs from one processor to the next.
package linalg
