package slurm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// install copies a program to dir/bin/HASH under its own name, unless it is there, and gives the path.
func install(program, dir string) (string, error) {
	in, err := os.Open(program)
	if err != nil {
		return "", fmt.Errorf("copying the program for the cluster: %w", err)
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return "", fmt.Errorf("copying the program for the cluster: %w", err)
	}
	path := filepath.Join(dir, binFolder, fmt.Sprintf("%x", h.Sum(nil)[:12]), filepath.Base(program))
	if _, err := os.Stat(path); err == nil {
		now := time.Now()
		return path, os.Chtimes(filepath.Dir(path), now, now) // a GC leaves it alone as long as a run is that began before now
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	out, err := os.CreateTemp(filepath.Dir(path), "")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name()) // it is gone once it has its name
	_, err = in.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err = errors.Join(err, out.Chmod(0o755), out.Sync(), out.Close()); err != nil {
		return "", fmt.Errorf("copying the program for the cluster: %w", err)
	}
	return path, os.Rename(out.Name(), path)
}
