package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// Stream is a sequence of random numbers. It is not safe for use by several goroutines.
type Stream struct {
	key   [2]uint32
	hi    uint64 // upper half of the counter, fixed by the name
	next  uint64 // lower half: the next block
	block [4]uint32
	used  int // words of block already given
	spare float64
	extra bool // spare holds the second number of a pair of Norm
}

// New returns the stream of seed and name from its start. Key and upper counter half are the first 16 bytes of
// SHA-256 over the seed (8 bytes, little endian) and the name.
func New(seed uint64, name string) *Stream {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), name...))
	return &Stream{
		key:  [2]uint32{binary.LittleEndian.Uint32(sum[0:]), binary.LittleEndian.Uint32(sum[4:])},
		hi:   binary.LittleEndian.Uint64(sum[8:]),
		used: wordsPerOutput,
	}
}

// Key is the 64-bit key of seed and name, for what computes its own blocks or takes a seed: a dropout, a new head.
func Key(seed uint64, name string) uint64 {
	s := New(seed, name)
	return uint64(s.key[1])<<32 | uint64(s.key[0])
}

// Uint32 returns 32 random bits.
func (s *Stream) Uint32() uint32 {
	if s.used == wordsPerOutput {
		s.block = Philox(split(s.next, s.hi), s.key)
		s.next++
		s.used = 0
	}
	s.used++
	return s.block[s.used-1]
}

// Uint64 returns 64 random bits.
func (s *Stream) Uint64() uint64 {
	lo := uint64(s.Uint32())
	return uint64(s.Uint32())<<32 | lo
}

// Float32 is uniform in [0, 1), a multiple of 2^-24.
func (s *Stream) Float32() float32 { return float32(s.Uint32()>>8) * 0x1p-24 }

// Float64 is uniform in [0, 1), a multiple of 2^-53.
func (s *Stream) Float64() float64 { return float64(float64(s.Uint64()>>11) * 0x1p-53) }

// Norm is normal with mean 0 and variance 1, by Marsaglia's polar method.
func (s *Stream) Norm() float64 {
	if s.extra {
		s.extra = false
		return s.spare
	}
	for {
		u := 2*s.Float64() - 1 // exact, so no fused multiply-add can change it
		v := 2*s.Float64() - 1
		q := float64(u*u) + float64(v*v)
		if q >= 1 || q == 0 {
			continue
		}
		f := math.Sqrt(float64(-2*elementary.Log(q)) / q)
		s.spare, s.extra = v*f, true
		return u * f
	}
}

// Intn is uniform in [0, n), without bias (Lemire 2019). It panics if n <= 0, as a slice index would.
func (s *Stream) Intn(n int) int {
	if n <= 0 {
		panic("rng: Intn of a number below 1")
	}
	bound := uint64(n)
	hi, lo := bits.Mul64(s.Uint64(), bound)
	if lo < bound {
		for reject := -bound % bound; lo < reject; {
			hi, lo = bits.Mul64(s.Uint64(), bound)
		}
	}
	return int(hi)
}

// Perm is a random permutation of 0, ..., n-1.
func (s *Stream) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	s.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// Shuffle permutes n things by swaps (Fisher and Yates, from the end).
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.Intn(i+1))
	}
}
