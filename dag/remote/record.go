package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// File is a blob that a record stands for.
type File struct {
	Path string // relative; unique within the record
	Hash string
	Size int64
}

// actionResult is the part of REAPI's ActionResult that records are made of, in the JSON of protocol buffers.
type actionResult struct {
	OutputFiles []outputFile `json:"outputFiles"`
	StdoutRaw   []byte       `json:"stdoutRaw"`
}

type outputFile struct {
	Path   string `json:"path"`
	Digest digest `json:"digest"`
}

type digest struct {
	Hash      string `json:"hash"`
	SizeBytes int64  `json:"sizeBytes,string"`
}

// mostRecord bounds what is read of a record.
const mostRecord = 256 << 20

// Record reads the text that is kept under a key. What is no record is ErrAbsent.
func (c *Client) Record(ctx context.Context, key string) ([]byte, error) {
	var raw []byte
	err := c.call(ctx, request{method: http.MethodGet, path: "/ac/" + key, take: func(body io.Reader) (err error) {
		raw, err = io.ReadAll(io.LimitReader(body, mostRecord))
		return err
	}})
	if err != nil {
		return nil, fmt.Errorf("record %.12s: %w", key, err)
	}
	var a struct {
		StdoutRaw []byte `json:"stdoutRaw"`
	}
	if json.Unmarshal(raw, &a) != nil {
		return nil, fmt.Errorf("record %.12s is not JSON: %w", key, ErrAbsent)
	}
	return a.StdoutRaw, nil
}

// PutRecord keeps a record whose files are all there.
func (c *Client) PutRecord(ctx context.Context, key string, text []byte, files []File) error {
	a := actionResult{OutputFiles: make([]outputFile, len(files)), StdoutRaw: text}
	for i, f := range files {
		a.OutputFiles[i] = outputFile{f.Path, digest{f.Hash, f.Size}}
	}
	raw, err := json.Marshal(a)
	if err == nil {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		err = c.call(ctx, request{method: http.MethodPut, path: "/ac/" + key, size: int64(len(raw)), open: open})
	}
	if err != nil {
		return fmt.Errorf("record %.12s: %w", key, err)
	}
	return nil
}
