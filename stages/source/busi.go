package source

import (
	"path"
	"regexp"
)

func init() {
	Register(Layout{
		Name:    "busi",
		Expects: "benign|malignant|normal/CLASS (N).png, with or without CLASS (N)_mask.png",
		Refines: "image_folder",
		Match: func(t *Tree) bool {
			f := classFolders(t)
			for _, p := range f.places {
				if m := busiName.FindStringSubmatch(path.Base(p.file)); m == nil || m[1] != p.class || p.split != "" {
					return false
				}
			}
			return len(f.classes) >= 2
		},
		Open: openBUSI,
	})
}

// busiName is "benign (12).png"; the second group is there on a mask.
var busiName = regexp.MustCompile(`^(benign|malignant|normal) \(\d+\)(_mask(?:_\d+)?)?\.\w+$`)

// openBUSI reads the breast ultrasound images of Al-Dhabyani et al., Data in Brief 28 (2020) 104863. Masks
// are left out. The set names no patients, and holds images under two labels: the dataset stage reports them.
func openBUSI(t *Tree, o Options) (*Set, error) {
	if err := o.none(); err != nil {
		return nil, err
	}
	s := &Set{Name: "busi", Modality: "ultrasound", License: "not stated; cite doi:10.1016/j.dib.2019.104863"}
	for _, p := range classFolders(t).places {
		if m := busiName.FindStringSubmatch(path.Base(p.file)); m != nil && m[2] != "" {
			continue
		}
		it := t.item(p.file)
		it.Label = p.class
		s.Items = append(s.Items, it)
	}
	return s, nil
}
