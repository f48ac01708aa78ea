package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("group_norm", groupNorm)
	register("group_norm.dx", groupNormDx)
	register("group_norm.dparams", groupNormDparams)
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
	if err := arity(out, in, 1, nin); err != nil {
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
		if err := vectorOf(b*c*s, in[i]); err != nil {
			return grouped{}, err
		}
	}
	for _, i := range vecs {
		if err := vectorOf(c, in[i]); err != nil {
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

// groupNormDx: as layerNormDx over a block, with one gain a channel.
func groupNormDx(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
	g, err := groupedOf(a, out, in, 3, []int{2}, []int{1})
	if err != nil {
		return err
	}
	dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
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
				m1 += float32(gain[first+k] * s)
				m2 += float32(gain[first+k] * sx)
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
	return nil
}

func groupNormDparams(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
	g, err := groupedOf(a, out, in, 2, []int{1}, nil)
	if err != nil {
		return err
	}
	if err := vectorOf(2*g.c, out[0]); err != nil {
		return err
	}
	packed, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
	stats := d.borrow(2 * g.batch * g.groups)
	defer d.giveBack(stats)
	d.pool.run(g.batch*g.groups, grain(g.size()), func(lo, hi int) {
		acc := new([2]lanes)
		for b := lo; b < hi; b++ {
			stats[2*b], stats[2*b+1] = d.level.moments(&acc[0], x[b*g.size():(b+1)*g.size()], a.Eps)
		}
	})
	d.pool.run(g.c, grain(g.batch*g.positions), func(lo, hi int) {
		acc := new([2]lanes)
		for k := lo; k < hi; k++ {
			var dgain, dbias float32
			for b := range g.batch {
				at := (b*g.c + k) * g.positions
				stat := stats[2*(b*g.groups+k/g.chans):]
				s, sx := d.level.gradientSums(acc, x[at:at+g.positions], dy[at:at+g.positions], stat[0])
				dgain += float32(sx * stat[1])
				dbias += s
			}
			packed[k], packed[g.c+k] = dgain, dbias
		}
	})
	return nil
}
