package source

import (
	"path"
	"sort"
	"strings"
)

func init() {
	Register(Layout{
		Name:    "image_folder",
		Expects: "CLASS/IMAGE with at least two classes, or SPLIT/CLASS/IMAGE with splits named train, val (valid, validation) and test",
		Match:   func(t *Tree) bool { return len(classFolders(t).classes) >= 2 },
		Open: func(t *Tree, o Options) (*Set, error) {
			if err := o.none(); err != nil {
				return nil, err
			}
			s := &Set{}
			f := classFolders(t)
			for _, p := range f.places {
				it := t.item(p.file)
				it.Label, it.Split = p.class, p.split
				s.Items = append(s.Items, it)
			}
			return s, nil
		},
	})
}

// splitNames maps what folders are called to the split.
var splitNames = map[string]string{
	"train": "train", "training": "train",
	"val": "val", "valid": "val", "validation": "val",
	"test": "test", "testing": "test",
}

// place is where an image lies in a tree of classes.
type place struct {
	file, split, class string
}

// folders is a tree read as classes with or without splits.
type folders struct {
	places  []place
	classes []string // sorted
}

// classFolders reads a tree as [WRAPPER/...][SPLIT/]CLASS/IMAGE. Folders that wrap everything are passed
// through; the tree has no classes if an image lies deeper or higher than the others say.
func classFolders(t *Tree) folders {
	images := t.Match(isImage)
	if len(images) == 0 {
		return folders{}
	}
	depth := strings.Count(images[0], "/")
	shared := strings.Split(path.Dir(images[0]), "/")
	for _, file := range images {
		dirs := strings.Split(path.Dir(file), "/")
		if strings.Count(file, "/") != depth {
			return folders{}
		}
		n := 0
		for n < len(shared) && n < len(dirs) && shared[n] == dirs[n] {
			n++
		}
		shared = shared[:n]
	}
	wrapped := len(shared)
	if wrapped > 0 && splitNames[strings.ToLower(shared[wrapped-1])] != "" {
		wrapped-- // a set of which only one split is there
	}
	var f folders
	seen := map[string]bool{}
	for _, file := range images {
		dirs := strings.Split(path.Dir(file), "/")[wrapped:]
		p := place{file: file}
		if len(dirs) > 0 {
			if split, ok := splitNames[strings.ToLower(dirs[0])]; ok {
				p.split = split
				dirs = dirs[1:]
			}
		} else if wrapped > 0 {
			// All images lie in one folder: one class, of a split perhaps, which is no classification.
			dirs = shared[wrapped-1:]
		}
		if len(dirs) != 1 {
			return folders{}
		}
		p.class = dirs[0]
		f.places = append(f.places, p)
		if !seen[p.class] {
			seen[p.class] = true
			f.classes = append(f.classes, p.class)
		}
	}
	sort.Strings(f.classes)
	// Either every image is in a split, or none is.
	for _, p := range f.places {
		if (p.split == "") != (f.places[0].split == "") {
			return folders{}
		}
	}
	return f
}
