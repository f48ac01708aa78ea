package kernel

// The activations: "NAME" is (x) -> y and "NAME.dx" is (x, dy) -> dx = dy * y'(x).
type (
	// ReLU is max(x, 0); its derivative at 0 is 0. NaN stays NaN. The dx of ReLU and ReLU6 is the same with y for x.
	ReLU struct{}
	// ReLU6 is min(max(x, 0), 6); its derivative at 0 and at 6 is 0.
	ReLU6 struct{}
	// SiLU is x * sigmoid(x).
	SiLU struct{}
	// GELU is x * Phi(x) = x/2 * (1 + erf(x / sqrt 2)), PyTorch's default.
	GELU struct{}
	// GELUTanh is x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), PyTorch's approximate="tanh".
	GELUTanh struct{}
	// QuickGELU is x * sigmoid(1.702 x), CLIP's.
	QuickGELU struct{}
)
