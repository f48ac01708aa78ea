package cuda

// Precision is what linear layers, convolutions and attention multiply in. Storage, sums and all else are float32.
type Precision string

// Float32 is on every card, BFloat16 from compute capability 8.0 on.
const (
	// Float32 rounds no operand.
	Float32 Precision = "float32"
	// BFloat16 rounds operands to bfloat16, which tensor cores multiply: 8 bits of mantissa, the range of float32.
	BFloat16 Precision = "bf16"
)
