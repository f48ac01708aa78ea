package cuda

// Precision is what linear layers, convolutions and attention multiply in. Storage, sums and all else are float32.
type Precision string

// What a device multiplies in.
const (
	Float32  Precision = "float32"
	BFloat16 Precision = "bf16" // operands are rounded to bfloat16 and multiplied by tensor cores: 8 bits of mantissa, the range of float32
)
