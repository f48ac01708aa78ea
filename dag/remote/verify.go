package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// CorruptError says that some bytes are not those that their name says.
type CorruptError struct {
	Hash string // their name
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("blob %.12s holds other bytes than its name says", e.Hash)
}

// exact passes bytes on that must have a hash. It does not end well if they have not, and if their number is known it
// keeps back the last of them: a wrong blob never goes out whole.
type exact struct {
	from io.Reader
	name string
	size int64 // -1: not known
	sum  hash.Hash
	seen int64
}

func newExact(from io.Reader, name string, size int64) *exact {
	return &exact{from, name, size, sha256.New(), 0}
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	e.sum.Write(p[:n])
	e.seen += int64(n)
	whole := e.seen == e.size || err == io.EOF
	if e.size >= 0 && e.seen > e.size || whole && hex.EncodeToString(e.sum.Sum(nil)) != e.name {
		return 0, &CorruptError{e.name}
	}
	return n, err
}
