package source

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Set is a data set as found, before any image is read.
type Set struct {
	Name     string
	Modality string
	License  string
	Layout   string   // its layout, or the address of generated data
	Root     string   // the folder that its files lie in; errors begin with it
	Classes  []string // sorted
	Items    []Item
	// Problems are images that the set names but cannot give, each an error that names the file.
	Problems []error
}

// Item is one image of a set. Where the set says nothing, a field is empty.
type Item struct {
	Origin  string   // the file, slash-separated, relative to the set's folder; unique in the set
	Label   string   // its class
	Labels  []string // all findings, where a set gives several an image
	Caption string
	Patient string
	Split   string // "train", "val" or "test", where the set has given splits
	// Attributes are what else the set says of an image, by the name of the column; only what is there.
	Attributes map[string]string
	// Load decodes the image; its error names the file. It may be called from several goroutines.
	Load func() (image.Image, error)
}

// Options are the choices that some layouts offer; a layout that does not know one refuses it.
type Options struct {
	Label   string // which column or tag gives the label; "": the layout's own
	Caption string // which column or tag gives the caption; "": the layout's own
}

// none refuses options of a layout that has no choice.
func (o Options) none() error {
	if o.Label != "" || o.Caption != "" {
		return errors.New("this layout leaves no choice of label or caption")
	}
	return nil
}

// Layout is one way in which data sets are published.
type Layout struct {
	Name string
	// Expects says in one line which files it wants, for errors and documentation.
	Expects string
	// Match tells whether the folder looks like this layout. It must not read images.
	Match func(t *Tree) bool
	// Open lists the items.
	Open func(t *Tree, o Options) (*Set, error)
	// Refines is a more general layout that also fits, and steps back, when this one does.
	Refines string
}

var layouts = map[string]Layout{}

// Register adds a layout; it is called from init of the layout's file.
func Register(l Layout) {
	if _, taken := layouts[l.Name]; taken {
		panic(fmt.Sprintf("source: layout %q registered twice", l.Name))
	}
	layouts[l.Name] = l
}

// Layouts returns all layouts by name.
func Layouts() []Layout {
	return slices.SortedFunc(maps.Values(layouts), func(a, b Layout) int { return cmp.Compare(a.Name, b.Name) })
}

// Open finds out which layout the folder or file at path has and lists its items. A layout other than "" is
// taken without asking.
func Open(path, layout string, o Options) (*Set, error) {
	t, err := scan(path)
	if err != nil {
		return nil, err
	}
	l, err := choose(t, layout)
	if err != nil {
		return nil, err
	}
	s, err := l.Open(t, o)
	if err != nil {
		return nil, fmt.Errorf("%s as %s: %w", path, l.Name, err)
	}
	if len(s.Items) == 0 && len(s.Problems) == 0 {
		return nil, fmt.Errorf("%s as %s: holds no image", path, l.Name)
	}
	if s.Name == "" {
		s.Name = t.base
	}
	s.Layout, s.Root = l.Name, t.root
	s.Classes = classesOf(s.Items)
	return s, nil
}

func choose(t *Tree, name string) (Layout, error) {
	if name != "" {
		if l, ok := layouts[name]; ok {
			return l, nil
		}
		return Layout{}, fmt.Errorf("no layout %q; there are:%s", name, expectations(Layouts()))
	}
	var matching []Layout
	for _, l := range Layouts() {
		if l.Match(t) {
			matching = append(matching, l)
		}
	}
	matching = mostSpecific(matching)
	switch len(matching) {
	case 1:
		return matching[0], nil
	case 0:
		return Layout{}, fmt.Errorf("%s: no layout fits its files; the layouts are:%s", t.root, expectations(Layouts()))
	}
	return Layout{}, fmt.Errorf("%s: its files fit several layouts, so name one (layout = …):%s", t.root, expectations(matching))
}

// mostSpecific leaves out the layouts that another one in the list refines.
func mostSpecific(list []Layout) []Layout {
	refined := map[string]bool{}
	for _, l := range list {
		refined[l.Refines] = true
	}
	var left []Layout
	for _, l := range list {
		if !refined[l.Name] {
			left = append(left, l)
		}
	}
	return left
}

func expectations(list []Layout) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, "\n  %s: %s", l.Name, l.Expects)
	}
	return b.String()
}

func classesOf(items []Item) []string {
	seen := map[string]bool{}
	classes := []string{}
	for _, it := range items {
		if l := it.Label; l != "" && !seen[l] {
			seen[l] = true
			classes = append(classes, l)
		}
	}
	sort.Strings(classes)
	return classes
}

// Tree is the list of files under a folder, or one file.
type Tree struct {
	root  string // folder
	base  string // name of the set: the folder's or the file's own
	Files []string
	index map[string]bool
}

// scan lists the files under path in alphabetical order. Hidden files, and what macOS adds to archives, are
// not listed.
func scan(path string) (*Tree, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	// The walk does not enter a root that is a link.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	t := &Tree{root: path, base: base, index: map[string]bool{}}
	if !info.IsDir() {
		t.root = filepath.Dir(path)
		t.base = strings.TrimSuffix(base, filepath.Ext(base))
		t.Files = []string{base}
		t.index[base] = true
		return t, nil
	}
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if p != path && (strings.HasPrefix(name, ".") || name == "__MACOSX") {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		if info, err := os.Stat(p); err != nil || info.IsDir() {
			return fmt.Errorf("%s: a link to a folder, or to nothing; only links to files are followed", p)
		}
		rel, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		t.Files = append(t.Files, rel)
		t.index[rel] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Strings(t.Files)
	if len(t.Files) == 0 {
		return nil, fmt.Errorf("%s: empty folder", path)
	}
	return t, nil
}

// Has tells whether the tree holds the file.
func (t *Tree) Has(file string) bool { return t.index[file] }

// Path is where a file of the tree lies on disk.
func (t *Tree) Path(file string) string { return filepath.Join(t.root, filepath.FromSlash(file)) }

// Match lists the files for which ok holds.
func (t *Tree) Match(ok func(file string) bool) []string {
	var list []string
	for _, f := range t.Files {
		if ok(f) {
			list = append(list, f)
		}
	}
	return list
}

// item makes an item of a PNG or JPEG file of the tree.
func (t *Tree) item(file string) Item {
	return Item{Origin: file, Load: func() (image.Image, error) { return decodeFile(t.Path(file)) }}
}
