package slurm

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// binFolder holds the copies of programs, each in a folder that its hash names.
const binFolder = "bin"

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Left lists what New's executors keep in dir and no job needs: the folders of batches none of whose work folders
// stays, and the copies of programs that no other batch runs. It is what dag.GCOptions.Left asks for.
func Left(dir string) func(stays func(job string) bool) ([]string, error) {
	return func(stays func(job string) bool) ([]string, error) {
		list, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		var left []string
		var scripts []byte // of the batches that stay
		for _, d := range list {
			if !strings.HasPrefix(d.Name(), batchPrefix) {
				continue
			}
			batch := filepath.Join(dir, d.Name())
			jobs, err := readTasks(filepath.Join(batch, tasksFile))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if !slices.ContainsFunc(jobs, stays) {
				left = append(left, batch)
				continue
			}
			script, err := os.ReadFile(filepath.Join(batch, scriptFile))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			scripts = append(scripts, script...)
		}
		programs, err := os.ReadDir(filepath.Join(dir, binFolder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, d := range programs {
			if !bytes.Contains(scripts, []byte(d.Name())) {
				left = append(left, filepath.Join(dir, binFolder, d.Name()))
			}
		}
		return left, nil
	}
}
