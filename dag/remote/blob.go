package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Blob reads a blob of so many bytes, -1 if that is not known. take is given the bytes from the beginning, once for each
// attempt; its reader fails unless they are the right ones, so that take must not use what it could not read to the end.
func (c *Client) Blob(ctx context.Context, hash string, size int64, take func(io.Reader) error) error {
	err := c.call(ctx, request{method: http.MethodGet, path: "/cas/" + hash, take: func(body io.Reader) error {
		return take(newExact(body, hash, size))
	}})
	if err != nil {
		return fmt.Errorf("blob %.12s: %w", hash, err)
	}
	return nil
}

// PutBlob gives a blob to the cache, unless it says that it has it; with again, even then. open is called once for each
// attempt.
func (c *Client) PutBlob(ctx context.Context, hash string, size int64, again bool, open func() (io.ReadCloser, error)) error {
	if !again {
		err := c.call(ctx, request{method: http.MethodHead, path: "/cas/" + hash, take: func(io.Reader) error { return nil }})
		if !errors.Is(err, ErrAbsent) {
			return err
		}
	}
	err := c.call(ctx, request{method: http.MethodPut, path: "/cas/" + hash, size: size, open: func() (io.ReadCloser, error) {
		from, err := open()
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{newExact(from, hash, size), from}, nil
	}})
	if err != nil {
		return fmt.Errorf("blob %.12s: %w", hash, err)
	}
	return nil
}
