//go:build linux || darwin || freebsd

package fetch

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock of an open file, which ends when the file is closed, by the system if the process dies.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
