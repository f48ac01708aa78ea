package kernel

// Pool2d is the window of "max_pool2d" and "avg_pool2d", (x [B, C, H, W]) -> y [B, C, OH, OW] with
// OH = (H + 2 Pad - Kernel) / Stride + 1. The maximum ignores padding; the average counts it as zeros
// (PyTorch's count_include_pad), or divides by the elements inside if ExcludePad. "max_pool2d.dx": (x, dy) -> dx, to the first maximum of a window in row-major order.
// "avg_pool2d.dx": (dy) -> dx, whose shape is the output operand's.
type Pool2d struct {
	Kernel, Stride, Pad int
	ExcludePad          bool // of "avg_pool2d"
}

// GlobalAvgPool2d is (x [B, C, H, W]) -> y [B, C], a mean over positions. "global_avg_pool2d.dx": (dy) -> dx.
type GlobalAvgPool2d struct{}

// UpsampleNearest2d is (x [B, C, H, W]) -> y [B, C, H*Scale, W*Scale]. "upsample_nearest2d.dx": (dy) -> dx, the sum over each block.
type UpsampleNearest2d struct {
	Scale int
}

// UpsampleBilinear2d is (x [B, C, H, W]) -> y [B, C, OH, OW], OH and OW being the output operand's: position i of n outputs lies at
// max(0, (i + 1/2) H/n - 1/2), between the element below and the next, of which the last repeats. "upsample_bilinear2d.dx": (dy) -> dx.
type UpsampleBilinear2d struct{}
