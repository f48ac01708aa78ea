package pipelines

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// glob lists the regular files under dir that match a slash pattern, as sorted slash paths relative to dir.
// ** stands for any number of folders; a pattern without wildcards is a file, or a folder for all files in it.
func glob(dir, pattern string) ([]string, error) {
	pattern = path.Clean(pattern)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	segments := strings.Split(pattern, "/")
	fixed := 0 // leading segments without wildcards: no need to walk elsewhere
	for fixed < len(segments) && !strings.ContainsAny(segments[fixed], "*?[\\") {
		fixed++
	}
	root := filepath.Join(dir, filepath.Join(segments[:fixed]...))
	info, err := os.Stat(root)
	if err != nil {
		return nil, nil
	}
	if fixed == len(segments) {
		if !info.IsDir() {
			return []string{pattern}, nil
		}
		segments = append(segments, "**")
	}
	var files []string
	err = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if matchSegments(segments, strings.Split(rel, "/")) {
			files = append(files, rel)
		}
		return nil
	})
	sort.Strings(files)
	return files, err
}

// matchSegments matches a path with a pattern, folder by folder.
func matchSegments(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := 0; i <= len(name); i++ {
				if matchSegments(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); err != nil || !ok {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}
