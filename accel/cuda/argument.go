//go:build nvidia

package cuda

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
)

// ints marks an operand that a function reads as int32.
type ints accel.Tensor

// none is an operand that is left out.
type none struct{}

// finding is what a function reports by FAIL: two parameters, the word and the tag.
type finding string

// slot is a parameter: 8 bytes, for cu reads as many of each, and its type as PTX names it.
type slot struct {
	bits uint64
	typ  string
}

// slots are the parameters that an argument becomes.
func (l *launch) slots(arg any) ([]slot, error) {
	switch v := arg.(type) {
	case accel.Tensor:
		p, err := addressOf(v, accel.Float32)
		return []slot{{p, "u64"}}, err
	case ints:
		p, err := addressOf(accel.Tensor(v), accel.Int32)
		return []slot{{p, "u64"}}, err
	case none:
		return []slot{{0, "u64"}}, nil
	case int:
		if v != int(int32(v)) {
			return nil, fmt.Errorf("%d is more than 32 bits hold", v)
		}
		return []slot{{uint64(uint32(v)), "u32"}}, nil
	case float32:
		return []slot{{uint64(math.Float32bits(v)), "f32"}}, nil
	case uint32:
		return []slot{{uint64(v), "u32"}}, nil
	case uint64:
		return []slot{{v, "u64"}}, nil
	case finding:
		tag := l.stream.bad.tag(check{l.entry.name, string(v)})
		return []slot{{uint64(l.stream.bad.word), "u64"}, {uint64(tag), "u32"}}, nil
	}
	return nil, fmt.Errorf("a kernel takes no %T", arg)
}

func addressOf(t accel.Tensor, want accel.DType) (uint64, error) {
	if t.Buf.DType() != want {
		return 0, fmt.Errorf("operand %v is %s, want %s", t.Shape, t.Buf.DType(), want)
	}
	return uint64(pointer(t)), nil
}
