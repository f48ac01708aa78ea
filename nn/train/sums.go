package train

import (
	"errors"
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/program"
)

// sums adds up the gradients of several batches into their mean: each batch's share is added in turn, as by calling backward
// on loss/batches in PyTorch. With two, four, eight batches, the division is exact.
type sums struct {
	mem   *program.Memory
	blend accel.Kernel
	grads []accel.Tensor // of the last batch
	means []accel.Tensor
}

// newSums puts sums between the program's gradients and the optimiser.
func newSums(mem *program.Memory, params []optim.Param) (*sums, error) {
	s := &sums{mem: mem}
	var err error
	if s.blend, err = mem.Device().Kernel("blend"); err != nil {
		return nil, err
	}
	for i, p := range params {
		mean, err := alike(mem.Device(), p.Grad)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sum of the gradients of %s: %w", p.Name, err), s.close())
		}
		s.grads, s.means = append(s.grads, p.Grad), append(s.means, mean)
		params[i].Grad = mean
	}
	return s, nil
}

// add takes batch i of n.
func (s *sums) add(i, n int) error {
	attrs := kernel.Blend{A: 1 / float32(n), B: float32(min(i, 1))}
	for k, grad := range s.grads {
		if err := s.mem.Device().Launch(s.mem.Stream(), s.blend, attrs, []accel.Tensor{s.means[k]}, []accel.Tensor{grad}); err != nil {
			return err
		}
	}
	return s.mem.Stream().Sync()
}

func (s *sums) close() error {
	var errs []error
	for _, t := range s.means {
		errs = append(errs, s.mem.Device().Free(t.Buf))
	}
	s.means = nil
	return errors.Join(errs...)
}
