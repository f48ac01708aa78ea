package source

import (
	"fmt"
	"path"
	"strings"
)

func init() {
	Register(Layout{
		Name:    "covid_chestxray",
		Expects: "metadata.csv with the columns patientid, finding, filename and clinical_notes, and the images in the folder that its column folder names (images/)",
		Match: func(t *Tree) bool {
			if !t.Has(covidTable) {
				return false
			}
			tab, err := t.readTable(covidTable)
			return err == nil && tab.has("patientid", "finding", "filename", "clinical_notes")
		},
		Open: openCOVID,
	})
}

const covidTable = "metadata.csv"

// openCOVID reads the layout of Cohen et al., "COVID-19 Image Data Collection", arXiv:2006.11988. Only
// radiographs are taken, no CT. The label is COVID-19 or other; findings that were never filled in ("todo",
// "Unknown", nothing) give no label. label and caption may name any column instead. All images of a patient
// may share one note.
func openCOVID(t *Tree, o Options) (*Set, error) {
	tab, err := t.readTable(covidTable)
	if err != nil {
		return nil, err
	}
	for _, column := range []string{o.Label, o.Caption} {
		if column != "" && !tab.has(column) {
			return nil, fmt.Errorf("%s has no column %q; it has %s", covidTable, column, strings.Join(tab.names, ", "))
		}
	}
	caption := "clinical_notes"
	if o.Caption != "" {
		caption = o.Caption
	}
	s := &Set{Name: "covid_chestxray", Modality: "x-ray", License: "per image, CC BY to CC BY-NC-SA; the collection CC BY-NC-SA 4.0"}
	seen := map[string]int{}
	for _, r := range tab.rows {
		if m := r.get("modality"); m != "" && m != "X-ray" {
			continue
		}
		name := r.get("filename")
		folder := r.get("folder")
		if folder == "" {
			folder = "images"
		}
		file := path.Join(folder, name)
		if name == "" || strings.HasPrefix(file, "..") {
			s.Problems = append(s.Problems, fmt.Errorf("%s:%d: no image is named", t.Path(covidTable), r.line))
			continue
		}
		if line, twice := seen[file]; twice {
			s.Problems = append(s.Problems, fmt.Errorf("%s:%d: %s was named in line %d already", t.Path(covidTable), r.line, file, line))
			continue
		}
		seen[file] = r.line
		if !t.Has(file) {
			s.Problems = append(s.Problems, fmt.Errorf("%s: missing, but named in %s:%d", t.Path(file), covidTable, r.line))
			continue
		}
		it := t.item(file)
		it.Attributes = r.attributes()
		it.Patient = r.get("patientid")
		it.Caption = strings.Join(strings.Fields(r.get(caption)), " ")
		it.Labels = covidFindings(r.get("finding"))
		switch {
		case o.Label != "":
			it.Label = r.get(o.Label)
			if unlabelled(it.Label) {
				it.Label = ""
			}
		case len(it.Labels) > 0:
			it.Label = "other"
			for _, f := range it.Labels {
				if f == "COVID-19" {
					it.Label = f
				}
			}
		}
		s.Items = append(s.Items, it)
	}
	return s, nil
}

// covidFindings takes "COVID-19, ARDS" or, in later releases, "Pneumonia/Viral/COVID-19" apart.
func covidFindings(cell string) []string {
	var list []string
	for _, f := range strings.FieldsFunc(cell, func(r rune) bool { return r == ',' || r == '/' }) {
		if f = strings.TrimSpace(f); !unlabelled(f) {
			list = append(list, f)
		}
	}
	return list
}

func unlabelled(finding string) bool {
	switch strings.ToLower(finding) {
	case "", "todo", "unknown":
		return true
	}
	return false
}
