package dag

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// Digest names content: "sha256:HEX" is a file, "tree:HEX" a folder, where HEX is the SHA-256 of its tree object.
type Digest string

const (
	filePrefix = "sha256:"
	treePrefix = "tree:"
)

// IsTree says whether the content is a folder.
func (d Digest) IsTree() bool { return strings.HasPrefix(string(d), treePrefix) }

// Hex is the name of the blob: the file itself, or the tree object of a folder.
func (d Digest) Hex() string { return string(d[strings.IndexByte(string(d), ':')+1:]) }

// valid says whether d is spelled as a digest is: others may have written it.
func (d Digest) valid() bool {
	hex, file := strings.CutPrefix(string(d), filePrefix)
	if !file {
		hex = strings.TrimPrefix(hex, treePrefix)
	}
	return len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == "" && (file || d.IsTree())
}

// Short is for people.
func (d Digest) Short() string {
	if h := d.Hex(); len(h) > 12 {
		return string(d[:len(d)-len(h)+12])
	}
	return string(d)
}

func hashBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// hashFile reads a whole file.
func hashFile(path string) (hexsum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
