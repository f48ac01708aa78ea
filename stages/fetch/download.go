package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"
)

// ensure makes sure that the cache holds a file. progress is told its length so far, and its size if that is known.
func (c *Client) ensure(ctx context.Context, f file, progress func(length, size int64)) error {
	if ok, err := c.cached(f); ok || err != nil {
		return err
	}
	part, err := c.claim(ctx, f.Digest)
	if err != nil {
		return err
	}
	defer part.Close()
	if ok, err := c.cached(f); ok || err != nil { // by who held the claim before
		return errors.Join(err, os.Remove(part.Name()))
	}
	longest, wrong := int64(0), 0
	return c.again(ctx, func() (further bool, err error) {
		length, err := c.extend(ctx, f, part, progress)
		further = length > longest
		longest = max(longest, length)
		if err != nil {
			return further, err
		}
		got, err := f.Digest.of(part.Name())
		if err != nil {
			return false, err
		}
		if got != f.Digest {
			if wrong++; wrong == 2 {
				err = refuse("the server sends a file with digest %s, and it should be %s", got, f.Digest)
			} else {
				err = fmt.Errorf("what came has digest %s, not %s", got, f.Digest)
			}
			return false, errors.Join(err, part.Truncate(0))
		}
		if err := keep(part, c.blobPath(f.Digest)); err != nil {
			return false, refuse("download cache: %w", err)
		}
		return false, nil
	})
}

// keep moves a whole partial file to where it stays, once it is safe on the disk.
func keep(part *os.File, path string) error {
	if err := part.Sync(); err != nil {
		return err
	}
	if err := os.Chmod(part.Name(), 0o444); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}

// errStalled ends an answer that does not go on.
var errStalled = errors.New("the server is silent")

// extend fetches what is missing of a partial file, and returns how long it is then.
func (c *Client) extend(ctx context.Context, f file, part *os.File, progress func(length, size int64)) (length int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(c.stall, func() { cancel(errStalled) })
	defer silence.Stop()

	info, err := part.Stat()
	if err != nil {
		return 0, err
	}
	have := info.Size()
	if have == f.Size {
		return have, nil
	}
	if f.Size >= 0 && have > f.Size {
		have = 0
	}
	if have > 0 {
		c.Log("%s: going on at %d bytes", f.Path, have)
	} else {
		c.Log("%s: fetching", f.Path)
	}
	resp, err := c.send(ctx, f.url, have)
	if err != nil {
		return have, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0 {
		if f.Size < 0 {
			return have, nil // it may have been whole: the digest tells
		}
		return 0, errors.Join(errors.New("the server's file is shorter"), part.Truncate(0))
	}
	if err := c.verdict(f.from, resp); err != nil {
		return have, err
	}
	size, err := agreed(resp, f, &have)
	if err != nil {
		return have, errors.Join(err, part.Truncate(0))
	}
	if err := part.Truncate(have); err != nil {
		return 0, err
	}
	body := &watched{r: resp.Body, read: func(n int) {
		silence.Reset(c.stall)
		have += int64(n)
		progress(have, size)
	}}
	var src io.Reader = body
	if f.Size >= 0 {
		src = io.LimitReader(body, f.Size-have+1)
	}
	_, err = io.Copy(io.NewOffsetWriter(part, have), src)
	var disk *os.PathError
	switch {
	case errors.As(err, &disk):
		return have, refuse("download cache: %w", err)
	case err != nil && context.Cause(ctx) != nil:
		return have, context.Cause(ctx)
	case err != nil:
		return have, fmt.Errorf("the connection broke at %d bytes: %w", have, err)
	case f.Size >= 0 && have > f.Size:
		return have, errors.Join(refuse("the server sends more than the %d bytes that it lists", f.Size), part.Truncate(0))
	case f.Size >= 0 && have < f.Size:
		return have, fmt.Errorf("the connection ended at %d of %d bytes", have, f.Size)
	}
	return have, nil
}

var contentRange = regexp.MustCompile(`^bytes (\d+)-\d+/(\d+|\*)$`)

// agreed reads from which byte on an answer is, which may be 0 instead of have, and the size that the server says the
// file has, -1 if it does not. A size other than the one listed is refused.
func agreed(resp *http.Response, f file, have *int64) (size int64, err error) {
	size = resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		m := contentRange.FindStringSubmatch(resp.Header.Get("Content-Range"))
		if m == nil || m[1] != strconv.FormatInt(*have, 10) {
			return 0, fmt.Errorf("the server sends %q, asked for what follows byte %d", resp.Header.Get("Content-Range"), *have)
		}
		if size, err = strconv.ParseInt(m[2], 10, 64); err != nil {
			size = -1
		}
	} else {
		*have = 0
	}
	if size >= 0 && f.Size >= 0 && size != f.Size {
		return 0, refuse("the server sends %d bytes, and lists the file with %d", size, f.Size)
	}
	return size, nil
}

// watched tells how much is read.
type watched struct {
	r    io.Reader
	read func(n int)
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.read(n)
	return n, err
}
