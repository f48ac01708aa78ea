package kernel

// Conv2d is (x [B, C, H, W], w [O, C/Groups, KH, KW], b [O] optional) -> y [B, O, OH, OW]: cross-correlation with zero padding,
// OH = (H + PadTop + PadBottom - KH) / StrideH + 1, OW likewise.
// "conv2d.dx": (dy, w) -> dx. "conv2d.dw": (x, dy) -> dw. "conv2d.db": (dy) -> db [O].
type Conv2d struct {
	StrideH, StrideW                     int
	PadTop, PadLeft, PadBottom, PadRight int
	Groups                               int
}
