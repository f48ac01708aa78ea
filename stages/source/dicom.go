package source

import (
	"fmt"
	"image"
	"io"
	"os"
	"path"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

func init() {
	Register(Layout{
		Name:    "dicom",
		Expects: "DICOM files (.dcm, .dicom, or without extension but with the DICM mark), in folders or not, and no other images",
		Match:   func(t *Tree) bool { return len(t.Match(isImage)) == 0 && len(dicomFiles(t)) > 0 },
		Open:    openDICOM,
	})
}

func dicomFiles(t *Tree) []string {
	return t.Match(func(f string) bool {
		switch strings.ToLower(path.Ext(f)) {
		case ".dcm", ".dicom":
			return true
		case "":
			return hasDICOMMark(t.Path(f))
		}
		return false
	})
}

// hasDICOMMark tells whether a file has "DICM" after its preamble of 128 bytes.
func hasDICOMMark(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [132]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[128:]) == "DICM"
}

// openDICOM takes every file as one image of the patient in PatientID. label and caption may name an attribute by
// its keyword, such as StudyDescription; without, the label is the file's folder, or nothing if the files
// lie in no folder or all in one.
func openDICOM(t *Tree, o Options) (*Set, error) {
	var tags [2]*tag.Tag
	for i, keyword := range []string{o.Label, o.Caption} {
		if keyword == "" {
			continue
		}
		info, err := tag.FindByName(keyword)
		if err != nil {
			return nil, fmt.Errorf("no DICOM attribute has the keyword %q", keyword)
		}
		tags[i] = &info.Tag
	}
	s := &Set{License: "see the files' source"}
	files := dicomFiles(t)
	folders := map[string]bool{}
	modalities := map[string]bool{}
	for _, f := range files {
		folders[path.Dir(f)] = true
	}
	for _, file := range files {
		name := t.Path(file)
		d, err := parseDICOM(name, dicom.SkipPixelData())
		if err != nil {
			s.Problems = append(s.Problems, err)
			continue
		}
		it := Item{Origin: file, Patient: text(d, tag.PatientID), Load: func() (image.Image, error) { return loadDICOM(name) }}
		modalities[text(d, tag.Modality)] = true
		switch {
		case tags[0] != nil:
			it.Label = text(d, *tags[0])
		case len(folders) > 1:
			it.Label = path.Base(path.Dir(file))
		}
		if tags[1] != nil {
			it.Caption = text(d, *tags[1])
		}
		s.Items = append(s.Items, it)
	}
	s.Modality = "mixed"
	if len(modalities) == 1 {
		for m := range modalities {
			s.Modality = m
		}
	}
	return s, nil
}

// parseDICOM reads a file. The library panics on some malformed files; that is an error of the file.
func parseDICOM(name string, options ...dicom.ParseOption) (d dicom.Dataset, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: cannot be read as DICOM: %v", name, p)
		}
	}()
	f, err := os.Open(name)
	if err != nil {
		return d, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return d, err
	}
	if err = checkLengths(f, info.Size()); err == nil {
		d, err = dicom.Parse(f, info.Size(), nil, options...)
	}
	if err != nil {
		return d, fmt.Errorf("%s: cannot be read as DICOM: %w", name, err)
	}
	return d, nil
}

// value returns an attribute's values, or nil.
func value(d dicom.Dataset, t tag.Tag) any {
	e, err := d.FindElementByTag(t)
	if err != nil || e.Value == nil {
		return nil
	}
	return e.Value.GetValue()
}

// text returns an attribute as text, "" where it is absent.
func text(d dicom.Dataset, t tag.Tag) string {
	switch v := value(d, t).(type) {
	case []string:
		return strings.TrimSpace(strings.Join(v, " "))
	case []int:
		return strings.Trim(fmt.Sprint(v), "[]")
	}
	return ""
}

// number returns the first number of an attribute, whether it is stored as text or in binary.
func number(d dicom.Dataset, t tag.Tag) (float64, bool) {
	switch v := value(d, t).(type) {
	case []int:
		if len(v) > 0 {
			return float64(v[0]), true
		}
	case []float64:
		if len(v) > 0 {
			return v[0], true
		}
	case []string:
		if len(v) > 0 {
			var f float64
			if _, err := fmt.Sscanf(strings.TrimSpace(v[0]), "%g", &f); err == nil {
				return f, true
			}
		}
	}
	return 0, false
}

func numberOr(d dicom.Dataset, t tag.Tag, otherwise float64) float64 {
	if v, ok := number(d, t); ok {
		return v
	}
	return otherwise
}
