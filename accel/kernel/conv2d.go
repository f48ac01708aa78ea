package kernel

// Conv2d is (x [B, C, H, W], w [O, C/Groups, KH, KW], b [O] optional) -> y [B, O, OH, OW]: cross-correlation with zero padding,
// OH = (H + PadTop + PadBottom - KH) / StrideH + 1, OW likewise. Sums start from b and run over the group's channels, then the window in row-major
// order, with FMA; padding takes part as zeros.
// "conv2d.dx": (dy, w) -> dx, over the group's outputs, then dy's positions in row-major order. "conv2d.dw": (x, dy) -> dw, over
// images, then positions; where a group has one channel and fewer than 8 outputs, in 16 lanes, that of a position being its column mod
// 16, and in a lane over images, then strips of 16 columns, then rows, with FMA; the lanes are added as in a 16-lane sum. "conv2d.db": (dy) -> db [O], a 16-lane sum for
// each image's positions, continued over images.
type Conv2d struct {
	StrideH, StrideW                     int
	PadTop, PadLeft, PadBottom, PadRight int
	Groups                               int
}
