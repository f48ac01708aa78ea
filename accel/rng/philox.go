package rng

import "math/bits"

// The multipliers and key increments of Philox4x32 (table 2 of the paper and Random123's philox.h).
const (
	mul0, mul1     = 0xD2511F53, 0xCD9E8D57
	weyl0, weyl1   = 0x9E3779B9, 0xBB67AE85
	rounds         = 10
	wordsPerOutput = 4
)

// Philox is the bare block function Philox4x32-10.
func Philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := counter[0], counter[1], counter[2], counter[3]
	k0, k1 := key[0], key[1]
	for range rounds {
		hi0, lo0 := bits.Mul32(mul0, c0)
		hi1, lo1 := bits.Mul32(mul1, c2)
		c0, c1, c2, c3 = hi1^c1^k0, lo1, hi0^c3^k1, lo0
		k0 += weyl0
		k1 += weyl1
	}
	return [4]uint32{c0, c1, c2, c3}
}

// RoundKeys are the two key words of each round of Philox, for devices that compute it themselves.
func RoundKeys(key uint64) (keys [2 * rounds]uint32) {
	k0, k1 := uint32(key), uint32(key>>32)
	for i := 0; i < len(keys); i += 2 {
		keys[i], keys[i+1] = k0, k1
		k0 += weyl0
		k1 += weyl1
	}
	return keys
}

// split makes the four counter words of two 64-bit halves.
func split(lo, hi uint64) [4]uint32 {
	return [4]uint32{uint32(lo), uint32(lo >> 32), uint32(hi), uint32(hi >> 32)}
}
