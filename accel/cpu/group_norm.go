package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("group_norm", groupNorm)
	for name, with := range map[string][2]bool{"group_norm.dx": {true, false}, "group_norm.dparams": {false, true}, "group_norm.dx+group_norm.dparams": {true, true}} {
		register(name, func(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
			return groupNormGrad(d, a, with[0], with[1], out, in)
		})
	}
}

// grouped is x [B, C, ...] seen as samples*groups blocks of chans channels of positions elements each.
type grouped struct {
	batch, c, groups int
	chans, positions int
}

// size is the number of elements of a block.
func (g grouped) size() int { return g.chans * g.positions }

// groupedOf checks the operands: nin inputs of which those at like have the first one's size, and channel vectors at vecs.
func groupedOf(a kernel.GroupNorm, out, in []accel.Tensor, nin int, like, vecs []int) (grouped, error) {
	if err := operand.Arity(out, in, 1, nin); err != nil {
		return grouped{}, err
	}
	b, c, s, err := channels(in[0])
	if err != nil {
		return grouped{}, err
	}
	if a.Groups < 1 || c%a.Groups != 0 {
		return grouped{}, fmt.Errorf("%d channels in %d groups", c, a.Groups)
	}
	for _, i := range like {
		if err := operand.VectorOf(b*c*s, in[i]); err != nil {
			return grouped{}, err
		}
	}
	for _, i := range vecs {
		if err := operand.VectorOf(c, in[i]); err != nil {
			return grouped{}, err
		}
	}
	return grouped{b, c, a.Groups, c / a.Groups, s}, nil
}

func groupNorm(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
	g, err := groupedOf(a, out, in, 3, nil, []int{1, 2})
	if err != nil {
		return err
	}
	y, x, gain, bias := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	d.pool.run(g.batch*g.groups, grain(g.size()), func(lo, hi int) {
		acc := new([2]lanes)
		for b := lo; b < hi; b++ {
			at, first := b*g.size(), b%g.groups*g.chans
			mean, rstd := d.level.moments(&acc[0], x[at:at+g.size()], a.Eps)
			for k := first; k < first+g.chans; k++ {
				d.level.normScalar(y[at:at+g.positions], x[at:], mean, rstd*gain[k], bias[k])
				at += g.positions
			}
		}
	})
	return nil
}

// groupNormGrad computes dx, as layerNormDx over a block with one gain a channel, of x, gain and dy; [dgain | dbias] of x and dy; or both
// of x, gain, x and dy, for the sums of a channel serve both.
func groupNormGrad(d *Device, a kernel.GroupNorm, withDx, withParams bool, out, in []accel.Tensor) error {
	nin, vectors := 2, []int{}
	if withDx {
		nin, vectors = 3, []int{1}
	}
	if withDx && withParams {
		if err := operand.Arity(out, in, 2, 4); err != nil {
			return err
		}
		in = append(in[:2:2], in[3])
	}
	g, err := groupedOf(a, out[:1], in, nin, []int{nin - 1}, vectors)
	if err != nil {
		return err
	}
	x, dy := f32(in[0]), f32(in[nin-1])
	var dx, gain []float32
	if withDx {
		dx, gain = f32(out[0]), f32(in[1])
	}
	rows := g.batch * g.c
	sums := d.borrow(2 * rows) // by row: dbias and dgain
	defer d.giveBack(sums)
	d.pool.run(g.batch*g.groups, grain(g.size()), func(lo, hi int) {
		acc := new([2]lanes)
		for b := lo; b < hi; b++ {
			start, first := b*g.size(), b%g.groups*g.chans
			mean, rstd := d.level.moments(&acc[0], x[start:start+g.size()], a.Eps)
			var m1, m2 float32
			for k := range g.chans {
				lo := start + k*g.positions
				hi := lo + g.positions
				s, sx := d.level.gradientSums(acc, x[lo:hi], dy[lo:hi], mean)
				sums[b*g.chans+k], sums[rows+b*g.chans+k] = s, sx*rstd
				if withDx {
					m1 += float32(gain[first+k] * s)
					m2 += float32(gain[first+k] * sx)
				}
			}
			if !withDx {
				continue
			}
			n := float32(g.size())
			m1 /= n
			m2 = float32(m2*rstd) / n
			for k := range g.chans {
				lo := start + k*g.positions
				d.level.normScalarDx(dx[lo:lo+g.positions], x[lo:], dy[lo:], mean, rstd*gain[first+k], rstd*m1, rstd*rstd*m2)
			}
		}
	})
	if withParams {
		packed := f32(out[len(out)-1])
		clear(packed)
		for b := range g.batch {
			d.level.add(packed[:g.c], packed[:g.c], sums[rows+b*g.c:])
			d.level.add(packed[g.c:], packed[g.c:], sums[b*g.c:])
		}
	}
	return nil
}
