package source

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

func init() {
	Register(Layout{
		Name:    "kermany",
		Expects: "[train|val|test/]NORMAL|PNEUMONIA/IMAGE with the published names (person12_bacteria_34.jpeg, IM-0115-0001.jpeg)",
		Refines: "image_folder",
		Match: func(t *Tree) bool {
			f := classFolders(t)
			if len(f.classes) != 2 || f.classes[0] != "NORMAL" || f.classes[1] != "PNEUMONIA" {
				return false
			}
			for _, p := range f.places {
				if !kermanyName.MatchString(path.Base(p.file)) {
					return false
				}
			}
			return true
		},
		Open: openKermany,
	})
}

// kermanyName takes a published name apart: the patient, and the cause of a pneumonia.
var kermanyName = regexp.MustCompile(`^(person\d+|(?:NORMAL2-)?IM-\d+)(?:_(bacteria|virus))?[-_\d]*\.\w+$`)

// openKermany reads Kermany et al.'s chest radiographs of children, Mendeley Data (2018), doi 10.17632/rscbjbr9sj.
// The label is NORMAL or PNEUMONIA, with label = "cause" the latter is bacteria or virus. It is not documented
// whether a person's number means the same child in train and in test.
func openKermany(t *Tree, o Options) (*Set, error) {
	if o.Caption != "" || o.Label != "" && o.Label != "cause" {
		return nil, fmt.Errorf("the only choice of this layout is label = \"cause\"")
	}
	s := &Set{Name: "kermany_chest_xray", Modality: "x-ray", License: "CC BY 4.0"}
	for _, p := range classFolders(t).places {
		it := t.item(p.file)
		it.Label, it.Split = p.class, p.split
		if m := kermanyName.FindStringSubmatch(path.Base(p.file)); m != nil {
			it.Patient = m[1]
			if m[2] != "" {
				it.Labels = []string{p.class, m[2]}
				if o.Label == "cause" {
					it.Label = strings.ToUpper(m[2])
				}
			}
		}
		s.Items = append(s.Items, it)
	}
	return s, nil
}
