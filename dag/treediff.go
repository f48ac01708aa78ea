package dag

import "strings"

// maxFiles bounds how many parts of one input an explanation names.
const maxFiles = 1000

// detail fills in which files of an input folder changed; path is where a folder from outside lies, else "".
func (s *session) detail(c *Change, path string) {
	if c.Kind != ChangeInput || !c.old.IsTree() || !c.new.IsTree() || c.old == c.new {
		return
	}
	files, ok := s.diffs[[2]Digest{c.old, c.new}]
	if !ok {
		d := treeDiff{tree: s.store.tree}
		if path != "" {
			d.tree = s.outside(path)
		}
		files = d.files(c.old, c.new)
		s.diffs[[2]Digest{c.old, c.new}] = files
	}
	if c.Files = files; len(files) == 0 {
		c.Reason = "by which files cannot be told, since what it held before has left the store"
	}
}

// outside reads trees of a folder that is not in the store, and others from the store.
func (s *session) outside(path string) func(Digest) (Tree, error) {
	objects := map[string][]byte{}
	w := &treeWriter{file: s.files.file, emit: func(hex string, raw []byte) error {
		objects[hex] = raw
		return nil
	}}
	if _, _, err := w.add(path); err != nil {
		return s.store.tree
	}
	return func(d Digest) (Tree, error) {
		if raw, ok := objects[d.Hex()]; ok {
			return decodeTree(raw)
		}
		return s.store.tree(d)
	}
}

// becameKind is the FileChange.Kind of an entry that differs.
func becameKind(old, now TreeEntry) string {
	switch {
	case now.Digest.IsTree() && !old.Digest.IsTree():
		return "folder"
	case old.Digest.IsTree() && !now.Digest.IsTree():
		return "file"
	case old.Digest != now.Digest:
		return "changed"
	case now.Exec:
		return "executable"
	}
	return "unexecutable"
}

// Words are the kind for people.
func (f FileChange) Words() string {
	switch f.Kind {
	case "executable":
		return "made executable"
	case "unexecutable":
		return "made not executable"
	case "folder", "file":
		return "turned into a " + f.Kind
	case "retyped":
		return "of another type"
	case "reordered":
		return "with axes in another order"
	}
	return f.Kind
}

type treeDiff struct {
	tree func(Digest) (Tree, error)
	out  []FileChange
}

// files lists what differs between two folders. It is empty if one of them cannot be read.
func (d *treeDiff) files(old, now Digest) []FileChange {
	for _, t := range []Digest{old, now} {
		if _, err := d.tree(t); err != nil {
			return nil
		}
	}
	d.walk("", old, now)
	return renamed(d.out)
}

// renamed joins a file that went and one that came with the same content.
func renamed(files []FileChange) []FileChange {
	came := map[Digest][]int{}
	for i, f := range files {
		if f.Kind == "added" {
			came[f.New] = append(came[f.New], i)
		}
	}
	gone := map[int]bool{}
	for i, f := range files {
		if at := came[f.Old]; f.Kind == "removed" && len(at) > 0 {
			files[at[0]].Kind, files[at[0]].From, gone[i] = "renamed", f.Path, true
			came[f.Old] = at[1:]
		}
	}
	var out []FileChange
	for i, f := range files {
		if !gone[i] {
			f.Old, f.New = "", ""
			out = append(out, f)
		}
	}
	return out
}

// walk merges two sorted lists of entries.
func (d *treeDiff) walk(dir string, old, now Digest) {
	a, errA := d.tree(old)
	b, errB := d.tree(now)
	if errA != nil || errB != nil {
		d.add(dir, "changed", old, now)
		return
	}
	for (len(a) > 0 || len(b) > 0) && len(d.out) < maxFiles {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			d.add(dir+a[0].Name, "removed", a[0].Digest, "")
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			d.add(dir+b[0].Name, "added", "", b[0].Digest)
			b = b[1:]
		default:
			x, y := a[0], b[0]
			a, b = a[1:], b[1:]
			switch {
			case x == y:
			case x.Digest.IsTree() && y.Digest.IsTree():
				d.walk(dir+x.Name+"/", x.Digest, y.Digest)
			default:
				d.add(dir+x.Name, becameKind(x, y), x.Digest, y.Digest)
			}
		}
	}
}

func (d *treeDiff) add(path, kind string, old, now Digest) {
	d.out = append(d.out, FileChange{Path: strings.TrimSuffix(path, "/"), Kind: kind, Old: old, New: now})
}
