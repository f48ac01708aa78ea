package kernel

// LayerNorm is (x [..., C], gain [C], bias [C]) -> y [..., C]: (x - mean) / sqrt(var + Eps) * gain + bias over
// the last dimension, var without Bessel's correction. Mean first, then var as the 16-lane sum of
// squared differences.
//
// "layer_norm.dx": (x, gain, dy) -> dx. "layer_norm.dparams": (x, dy) -> [dgain [C] | dbias [C]]; rows are added
// in order within each block of 64 rows, blocks in order.
type LayerNorm struct {
	Eps float32
}

// GroupNorm is (x [B, C, ...], gain [C], bias [C]) -> y: normalised over each group of C/Groups channels and
// all positions of one sample, then scaled per channel. Statistics as in LayerNorm.
//
// "group_norm.dx": (x, gain, dy) -> dx. "group_norm.dparams": (x, dy) -> [dgain [C] | dbias [C]]; a 16-lane sum over
// positions, samples added in order.
type GroupNorm struct {
	Groups int
	Eps    float32
}

// BatchNorm normalises x [B, C, ...] per channel over batch and positions.
//
// "batch_norm.train": (x, gain [C], bias [C]) -> y, [mean | var | rstd]; y uses the biased variance, as rstd =
// 1 / sqrt(var + Eps) does, the packed var is the unbiased one, for the running update.
// "batch_norm.train.grad": (x, gain, mean, rstd, dy) -> dx, [dgain | dbias].
//
// "batch_norm.eval": (x, gain, bias, mean [C], var [C]) -> y. "batch_norm.eval.dx": (gain, var, dy) -> dx.
// "batch_norm.eval.dparams": (x, mean, var, dy) -> [dgain | dbias].
//
// Sums over a channel: a 16-lane sum over the positions of each sample, samples added in order.
type BatchNorm struct {
	Eps float32
}

// OverNorm is (m [M], v [M, ...]) -> y [M]: m / ||row of v||, 0 for a row of zeros. Squares are added in order in float64, the root is
// rounded to float32, then m is divided by it. It is its own backward.
type OverNorm struct{}
