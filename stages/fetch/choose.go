package fetch

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
)

// file is one file to fetch.
type file struct {
	Path   string // where it goes in the folder
	Size   int64  // -1: not known
	Digest digest
	from   Address
	url    string
}

// components are the folders of a diffusers pipeline that are read here.
var components = []string{"unet", "vae", "text_encoder", "tokenizer", "scheduler"}

// choose picks the files that an address means out of all of a repository, with paths relative to its folder. patterns
// (path.Match, of the relative path or of the last name) say which; without any, these are what a network is: configurations,
// vocabularies and weights in safetensors, of several forms of the same weights one.
func choose(all []file, a Address, patterns []string) ([]file, error) {
	if err := checkPatterns(patterns); err != nil {
		return nil, err
	}
	var within []file
	for _, f := range all {
		if f.Path == a.Path {
			if len(patterns) > 0 {
				return nil, errors.New("only chooses among the files of a repository or folder, and this is one file: leave it out")
			}
			if checkpoint.IsPickle(f.Path) {
				return nil, pickled(a, []file{f})
			}
			f.Path = path.Base(f.Path)
			return []file{f}, nil
		}
		if rest, ok := strings.CutPrefix(f.Path, a.Path+"/"); ok && a.Path != "" {
			f.Path = rest
			within = append(within, f)
		}
	}
	if a.Path == "" {
		within = all
	}
	if len(within) == 0 {
		return nil, fmt.Errorf("there is no %s in it: it holds %s", a.Path, some(all))
	}
	var chosen, pickles []file
	keep := wanted(within)
	for _, f := range within {
		switch {
		case len(patterns) > 0 && !matches(patterns, f.Path):
		case checkpoint.IsPickle(f.Path):
			pickles = append(pickles, f)
		case len(patterns) > 0 || keep(f.Path):
			chosen = append(chosen, f)
		}
	}
	weights := slices.ContainsFunc(chosen, func(f file) bool { return strings.HasSuffix(f.Path, ".safetensors") })
	switch {
	case len(pickles) > 0 && (!weights || len(patterns) > 0):
		return nil, pickled(a, pickles)
	case len(chosen) == 0:
		return nil, fmt.Errorf("no file in it is meant: it holds %s", some(within))
	}
	return chosen, nil
}

// wanted tells which of files make a network.
func wanted(files []file) func(name string) bool {
	has := func(name string) bool { return slices.ContainsFunc(files, func(f file) bool { return f.Path == name }) }
	pipeline := has("model_index.json")
	return func(name string) bool {
		dir, base := path.Split(name)
		top, _, nested := strings.Cut(name, "/")
		if pipeline && nested && !slices.Contains(components, top) {
			return false
		}
		isIndex := strings.HasSuffix(base, ".safetensors.index.json")
		switch {
		case isIndex, path.Ext(base) == ".safetensors":
			if pipeline && !nested {
				return false // the whole pipeline in one file of another layout
			}
			for _, stem := range []string{"model", "diffusion_pytorch_model"} {
				switch {
				case has(dir + stem + ".safetensors"):
					return base == stem+".safetensors"
				case has(dir + stem + ".safetensors.index.json"):
					return base == stem+".safetensors.index.json" || strings.HasPrefix(base, stem+"-")
				}
			}
			return true
		}
		return slices.Contains([]string{".json", ".txt"}, path.Ext(base)) && !strings.HasSuffix(base, ".index.json")
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		whole, _ := path.Match(p, name)
		last, _ := path.Match(p, path.Base(name))
		return whole || last
	})
}

// checkPatterns refuses patterns that path.Match does not know.
func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("only: %q is no pattern: a [ needs its ], and a \\ what it stands before", p)
		}
	}
	return nil
}

// pickled refuses weights that are only there as pickles.
func pickled(a Address, files []file) error {
	e := &checkpoint.PickleError{}
	for _, f := range files {
		e.Files = append(e.Files, path.Base(f.Path))
	}
	return fmt.Errorf("%s has no safetensors of these weights. Download them, convert them, and give the folder instead of the address. %w", a.Repo, e)
}

// some lists the first files.
func some(files []file) string {
	const shown = 12
	var names []string
	for _, f := range files[:min(shown, len(files))] {
		names = append(names, f.Path)
	}
	list := strings.Join(names, ", ")
	if more := len(files) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	if list == "" {
		list = "nothing"
	}
	return list
}
