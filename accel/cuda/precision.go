package cuda

// Precision is what linear layers, convolutions and attention multiply in. Storage, sums and all else are float32.
type Precision string

// Float32 is on every card, BFloat16 from compute capability 8.0 on.
const (
	Float32  Precision = "float32"
	BFloat16 Precision = "bf16" // operands are rounded to bfloat16 and multiplied by tensor cores: 8 bits of mantissa, the range of float32
)
