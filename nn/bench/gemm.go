package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// gemmSide is the side of the square matrices whose product compares the levels.
const gemmSide = 1536

// compareLevels multiplies large matrices at every level of vector code in turns and prints each one's rate and its share
// of the best one's.
func compareLevels(o options) (err error) {
	var products []product
	for _, name := range cpu.Levels() {
		if name == "go" { // a hundred times slower
			continue
		}
		p, err := newProduct(o.threads, name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		products = append(products, p)
	}
	seconds := make([][]float64, len(products))
	for range 2 + 3*o.rounds {
		for i, p := range products {
			s, err := p.run()
			if err != nil {
				return err
			}
			seconds[i] = append(seconds[i], s)
		}
	}
	fmt.Printf("\nProduct of matrices of side %d, share of the best:\n\n| | GFLOP/s | share |\n| --- | ---: | ---: |\n", gemmSide)
	for i, p := range products {
		flops := 2e-9 * gemmSide * gemmSide * gemmSide
		fmt.Printf("| %s | %.0f | **%.2f** |\n", p.level, flops/median(seconds[i]), median(ratios(seconds[0], seconds[i])))
	}
	return nil
}

// product is a linear map of square matrices on a device of one level.
type product struct {
	level  string
	dev    accel.Device
	stream accel.Stream
	kernel accel.Kernel
	y      accel.Tensor
	in     []accel.Tensor
}

func newProduct(threads int, level string) (p product, err error) {
	p.level = level
	if p.dev, err = cpu.NewLevel(threads, level); err != nil {
		return p, err
	}
	if p.stream, err = p.dev.NewStream(); err != nil {
		return p, err
	}
	if p.kernel, err = p.dev.Kernel("linear"); err != nil {
		return p, err
	}
	shape := []int{gemmSide, gemmSide}
	for _, name := range []string{"y", "x", "w"} {
		buf, err := p.dev.Alloc(accel.Float32, gemmSide*gemmSide)
		if err != nil {
			return p, err
		}
		t := accel.Tensor{Buf: buf, Shape: shape}
		if err := p.dev.CopyIn(p.stream, t, normal(name, shape)); err != nil {
			return p, err
		}
		p.in = append(p.in, t)
	}
	p.y, p.in = p.in[0], p.in[1:]
	return p, nil
}

func (p product) run() (seconds float64, err error) {
	begin := time.Now()
	err = p.dev.Launch(p.stream, p.kernel, kernel.Linear{}, []accel.Tensor{p.y}, p.in)
	return time.Since(begin).Seconds(), err
}

func (p product) close() error {
	var errs []error
	for _, t := range append(p.in, p.y) {
		errs = append(errs, p.dev.Free(t.Buf))
	}
	return errors.Join(append(errs, p.dev.Close())...)
}
