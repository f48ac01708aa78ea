package train

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/rng"
)

// Order gives the example at each position of a training run over N examples: position p belongs to
// epoch p/N, whose permutation is drawn from (seed, epoch). Batches run on over the end of an epoch. An Order
// is for one goroutine.
type Order struct {
	N    int
	Seed uint64

	epoch int
	perm  []int
}

// At is the example at position p.
func (o *Order) At(p int) int {
	if epoch := p / o.N; o.perm == nil || epoch != o.epoch {
		o.epoch, o.perm = epoch, rng.New(o.Seed, fmt.Sprintf("train/order/%d", epoch)).Perm(o.N)
	}
	return o.perm[p%o.N]
}
