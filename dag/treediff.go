package dag

import "strings"

// maxFiles bounds how many parts of one input an explanation names.
const maxFiles = 1000

// detail fills in which files of an input folder changed. A folder whose old or new content is not in the store
// is itself what changed.
func (s *session) detail(c *Change) {
	if c.Kind != ChangeInput || c.old == "" || c.new == "" || c.old == c.new {
		return
	}
	if c.old.IsTree() && c.new.IsTree() {
		d := treeDiff{tree: s.store.tree}
		if c.path != "" {
			d.tree = s.outside(c.path)
		}
		d.walk("", c.old, c.new)
		c.Files = d.out
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

type treeDiff struct {
	tree func(Digest) (Tree, error)
	out  []FileChange
}

// walk merges two sorted lists of entries.
func (d *treeDiff) walk(dir string, old, now Digest) {
	a, errA := d.tree(old)
	b, errB := d.tree(now)
	if errA != nil || errB != nil {
		d.add(dir, "changed")
		return
	}
	for (len(a) > 0 || len(b) > 0) && len(d.out) < maxFiles {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			d.add(dir+a[0].Name, "removed")
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			d.add(dir+b[0].Name, "added")
			b = b[1:]
		default:
			x, y := a[0], b[0]
			a, b = a[1:], b[1:]
			switch {
			case x == y:
			case x.Digest.IsTree() && y.Digest.IsTree():
				d.walk(dir+x.Name+"/", x.Digest, y.Digest)
			default:
				d.add(dir+x.Name, "changed")
			}
		}
	}
}

func (d *treeDiff) add(path, kind string) {
	d.out = append(d.out, FileChange{Path: strings.TrimSuffix(path, "/"), Kind: kind})
}
