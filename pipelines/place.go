package pipelines

import (
	"path/filepath"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// storeName is the folder of the store unless the user moves it; nothing is published into it.
const storeName = ".pipe"

// place turns the path of an output, relative to the working folder, into an absolute one. wrong says why
// nothing may be published there: a publication replaces what it finds, so it must not meet the user's files.
func (p *Pipeline) place(text string) (full, wrong string) {
	file := filepath.FromSlash(text)
	switch {
	case strings.TrimSpace(text) == "":
		return "", "it is empty"
	case filepath.IsAbs(file):
		return "", "it is absolute, and outputs stay in the working folder"
	case !filepath.IsLocal(file):
		return "", "it leads out of the working folder"
	}
	full, err := filepath.Abs(file)
	if err != nil {
		return "", err.Error()
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return "", err.Error()
	}
	if full == here {
		return "", "it is the working folder itself"
	}
	for _, m := range p.modules {
		if within(m.dir, full) {
			return "", "the pipeline or a module of it lies in that folder"
		}
	}
	for _, part := range strings.Split(filepath.Clean(file), string(filepath.Separator)) {
		if part == storeName {
			return "", "it lies in the store"
		}
	}
	for name := range p.files {
		if abs, err := filepath.Abs(name); err == nil && within(full, abs) {
			return "", "a file of the pipeline is called so"
		}
	}
	return full, ""
}

// within says whether path is dir or lies in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// places are the paths of the outputs so far.
type places struct {
	taken map[string]string // path -> output
	above map[string]string // folder that holds one -> output
}

// take reserves the path of a publication, or says which other output is in its way and how.
func (l *places) take(pub dag.Publication) (other, why string) {
	if other := l.taken[pub.Path]; other != "" {
		return other, "it is one path"
	}
	if other := l.above[pub.Path]; other != "" {
		return other, "the one lies in the other"
	}
	for dir := filepath.Dir(pub.Path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if other := l.taken[dir]; other != "" {
			return other, "the one lies in the other"
		}
	}
	for dir := filepath.Dir(pub.Path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		l.above[dir] = pub.Name
	}
	l.taken[pub.Path] = pub.Name
	return "", ""
}
