package fetch

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// digest is what a file must hash to: "sha256:HEX", or "git:HEX", the SHA-1 of git's blob object.
type digest struct {
	Algorithm, Hex string
}

func (d digest) String() string { return d.Algorithm + ":" + d.Hex }

// of hashes a file by d's algorithm.
func (d digest) of(path string) (digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	var h hash.Hash
	if d.Algorithm == "git" {
		info, err := f.Stat()
		if err != nil {
			return digest{}, err
		}
		h = sha1.New()
		fmt.Fprintf(h, "blob %d\x00", info.Size())
	} else {
		h = sha256.New()
	}
	if _, err := io.Copy(h, f); err != nil {
		return digest{}, err
	}
	return digest{d.Algorithm, hex.EncodeToString(h.Sum(nil))}, nil
}

// blobPath is where a whole file lies.
func (c *Client) blobPath(d digest) string {
	return filepath.Join(c.Cache, "blobs", d.Algorithm+"-"+d.Hex)
}

// partialPath is where it lies until it is whole.
func (c *Client) partialPath(d digest) string {
	return filepath.Join(c.Cache, "partial", d.Algorithm+"-"+d.Hex)
}

// cached says whether the cache holds a file. One that was damaged since is removed.
func (c *Client) cached(f file) (bool, error) {
	path := c.blobPath(f.Digest)
	got, err := f.Digest.of(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil || got == f.Digest:
		return err == nil, err
	}
	c.Log("%s was damaged in the download cache, and is fetched again", f.Path)
	return false, os.Remove(path)
}

// claim opens the partial file of d for this process alone, and waits while another one fetches it.
func (c *Client) claim(ctx context.Context, d digest) (*os.File, error) {
	path := c.partialPath(d)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.MkdirAll(filepath.Dir(c.blobPath(d)), 0o755)); err != nil {
		return nil, fmt.Errorf("download cache: %w", err)
	}
	for waits := 0; ; waits++ {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("download cache: %w", err)
		}
		locked, err := tryLock(f)
		if locked && here(f, path) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("download cache: locking %s: %w", path, err)
		}
		if locked {
			continue // it was finished or thrown away between the two steps
		}
		if waits == 0 {
			c.Log("waiting for another process that is fetching the same file")
		}
		if err := c.pause(ctx, lockPause); err != nil {
			return nil, err
		}
	}
}

// lockPause is how long to wait before looking whether another process is done.
const lockPause = 200 * time.Millisecond

// here tells whether path still means the open file.
func here(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(mine, now)
}

// place copies a whole file of the cache to dst.
func (c *Client) place(f file, dst string) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o777); err != nil {
		return err
	}
	in, err := os.Open(c.blobPath(f.Digest))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // shares the blocks where the file system can
	return errors.Join(err, out.Close())
}
