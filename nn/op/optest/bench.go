package optest

import (
	"context"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/program"
)

// Bench times each row at its large size on dev, value and gradients, and reports the bytes of all operands,
// results and gradients per second.
func Bench(b *testing.B, dev accel.Device) {
	for _, row := range rows {
		b.Run(row.name(), func(b *testing.B) {
			in, err := newInstance(row, row.large())
			if err != nil {
				b.Fatal(err)
			}
			if err := in.bench(b, dev); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func (in *instance) bench(b *testing.B, dev accel.Device) error {
	p, err := program.Compile(in.graph, in.outputs(), program.Options{Memory: program.NewMemory(dev), Mode: in.row.Mode})
	if err != nil {
		return err
	}
	defer p.Close()
	for n, v := range in.feed {
		if !p.Uses(n) {
			continue
		}
		if err := p.Set(n, host(v, n.Dtype() == tensor.Int32)); err != nil {
			return err
		}
	}
	b.SetBytes(dev.Mem().Live)
	for b.Loop() {
		if err := p.Run(context.Background()); err != nil {
			return err
		}
	}
	return nil
}
