package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// FaultError is an error of the machine, not of a stage, with what a user can do about it. Once that is done, the
// next run goes on by itself: nothing in the store needs repair.
type FaultError struct {
	Err    error
	Remedy string
}

func (e *FaultError) Error() string { return fmt.Sprintf("%v: %s", e.Err, e.Remedy) }
func (e *FaultError) Unwrap() error { return e.Err }

// remedies are told for the first error that matches.
var remedies = []struct {
	err    error
	remedy string
}{
	{syscall.ENOSPC, "the disk is full: free some space, or remove old results with pipe gc, and apply again"},
	{syscall.EDQUOT, "the disk quota is used up: remove old results with pipe gc, or ask for more, and apply again"},
	{syscall.EFBIG, "files may not grow so large here: raise the limit (ulimit -f), and apply again"},
	{syscall.EROFS, "that file system cannot be written to; if it is the store's, choose another store with -cache or PIPE_CACHE"},
	{fs.ErrPermission, "give yourself the right to it; if it is the store's, you can choose another store with -cache or PIPE_CACHE"},
	{syscall.EMFILE, "this process may not open more files: raise the limit (ulimit -n), or run fewer at once with -parallelism"},
	{syscall.ENFILE, "this machine may not open more files: run fewer at once with -parallelism, and apply again"},
	{syscall.EXDEV, "the store's folders must be on one file system: neither link nor mount one of them elsewhere"},
	{syscall.EIO, "the disk could not be read or written: look at the system's log before you trust it again"},
	{syscall.ESTALE, "the file server forgot the file: apply again"},
}

// withRemedy tells what to do about an error of the machine. What a stage is to blame for stays as it is.
func withRemedy(err error) error {
	var told *FaultError
	var failed *ActionError
	if err == nil || errors.As(err, &told) || errors.As(err, &failed) {
		return err
	}
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return &FaultError{err, r.remedy}
		}
	}
	return err
}

// unwritable says whether an error only tells that the store cannot be written to.
func unwritable(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}
