package layer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
)

// Digest names the parameters that keep takes, by their names, shapes and values: the first 16 hexadecimal digits of a SHA-256.
func (w *Weights) Digest(keep func(name string) bool) (string, error) {
	h := sha256.New()
	var block []byte
	names := slices.DeleteFunc(w.Names(), func(name string) bool { return !keep(name) })
	err := w.each(names, func(name string, shape []int, values []float32, _ bool) error {
		fmt.Fprintf(h, "%s %v\n", name, shape)
		for part := range slices.Chunk(values, 4096) {
			block = block[:0]
			for _, v := range part {
				block = binary.LittleEndian.AppendUint32(block, math.Float32bits(v))
			}
			h.Write(block)
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}
