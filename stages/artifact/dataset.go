package artifact

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"sort"
)

// Record is what is known of one image of a dataset.
type Record struct {
	ID      string   `json:"id"`               // unique in the dataset, fit for a file name
	File    string   `json:"file"`             // slash path in the dataset's folder
	Origin  string   `json:"origin,omitempty"` // where the image was in the source
	Label   string   `json:"label"`            // class; "": not labelled
	Labels  []string `json:"labels,omitzero"`  // all findings, where a set has several an image; empty: it has none of them; null: not known
	Caption string   `json:"caption"`          // "": none
	Patient string   `json:"patient"`          // "": unknown; the image then stands for itself
	Split   string   `json:"split"`            // "train", "val", "test", or "" where the set gives none
	// Attributes are further columns that were asked for, where they have a value.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// DatasetInfo describes a dataset as a whole.
type DatasetInfo struct {
	Name     string   `json:"name"`
	Classes  []string `json:"classes"` // sorted; a label's index is its place here
	Modality string   `json:"modality"`
	Source   string   `json:"source"` // layout, or the address of generated data
	License  string   `json:"license"`
	Counts   Counts   `json:"counts"`
	Skipped  []string `json:"skipped,omitempty"` // "file: why", sorted
	// Conflicts are groups of the same image under different labels.
	Conflicts [][]string `json:"conflicts,omitempty"`
	// Duplicates are groups of the same image under the same label.
	Duplicates [][]string `json:"duplicates,omitempty"`
}

// Counts are sums over a dataset's records.
type Counts struct {
	Images   int            `json:"images"`
	Patients int            `json:"patients"`
	Captions int            `json:"captions"` // images that have one
	Labels   map[string]int `json:"labels"`   // images a class; "" are those without
	Splits   map[string]int `json:"splits"`
}

// Dataset is a dataset folder.
type Dataset struct {
	Dir     string
	Info    DatasetInfo
	Records []Record // sorted by id
}

const (
	datasetFile = "dataset.json"
	recordsFile = "records.jsonl"
	imagesDir   = "images"
)

// WriteImage writes one image of a dataset under its id and returns the record's File. It may be called from
// several goroutines with different ids.
func WriteImage(dir, id string, img image.Image) (string, error) {
	file := imagesDir + "/" + id + ".png"
	return file, WritePNG(filepath.Join(dir, imagesDir, id+".png"), img)
}

// WritePNG writes img as PNG.
func WritePNG(path string, img image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := png.Encode(f, img); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}

// WriteDataset writes the description and the records of a dataset whose images are already in dir. It sorts
// the records by id and fills in the counts.
func WriteDataset(dir string, info DatasetInfo, records []Record) error {
	sort.Slice(records, func(i, j int) bool { return records[i].ID < records[j].ID })
	for i := 1; i < len(records); i++ {
		if records[i].ID == records[i-1].ID {
			return fmt.Errorf("id %q is used twice", records[i].ID)
		}
	}
	info.Counts = count(records)
	if info.Classes == nil {
		info.Classes = []string{}
	}
	if err := WriteLines(filepath.Join(dir, recordsFile), records); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, datasetFile), info)
}

func count(records []Record) Counts {
	c := Counts{Images: len(records), Labels: map[string]int{}, Splits: map[string]int{}}
	patients := map[string]bool{}
	for _, r := range records {
		c.Labels[r.Label]++
		c.Splits[r.Split]++
		if r.Caption != "" {
			c.Captions++
		}
		patients[r.PatientKey()] = true
	}
	c.Patients = len(patients)
	return c
}

// PatientKey is what a split must keep together: the patient, or the image itself where that is unknown.
func (r Record) PatientKey() string {
	if r.Patient == "" {
		return "image:" + r.ID
	}
	return "patient:" + r.Patient
}

// ReadDataset reads and checks a dataset's description and records. Images are opened one by one by Open.
func ReadDataset(dir string) (*Dataset, error) {
	d := &Dataset{Dir: dir}
	if err := readJSON(filepath.Join(dir, datasetFile), &d.Info); err != nil {
		return nil, fmt.Errorf("not a dataset: %w", err)
	}
	var err error
	if d.Records, err = ReadLines[Record](filepath.Join(dir, recordsFile)); err != nil {
		return nil, err
	}
	classes := map[string]bool{"": true}
	for _, c := range d.Info.Classes {
		classes[c] = true
	}
	for i, r := range d.Records {
		where := fmt.Sprintf("%s:%d", filepath.Join(dir, recordsFile), i+1)
		switch {
		case i > 0 && r.ID <= d.Records[i-1].ID:
			return nil, fmt.Errorf("%s: id %q is not after %q", where, r.ID, d.Records[i-1].ID)
		case !classes[r.Label]:
			return nil, fmt.Errorf("%s: label %q is not a class of the dataset", where, r.Label)
		case !filepath.IsLocal(filepath.FromSlash(r.File)):
			return nil, fmt.Errorf("%s: file %q is outside the dataset", where, r.File)
		case r.Split != "" && r.Split != Train && r.Split != Val && r.Split != Test:
			return nil, fmt.Errorf("%s: unknown split %q", where, r.Split)
		}
	}
	return d, nil
}

// The splits.
const (
	Train = "train"
	Val   = "val"
	Test  = "test"
)

// Open decodes the image of a record.
func (d *Dataset) Open(r Record) (image.Image, error) {
	return readPNG(filepath.Join(d.Dir, filepath.FromSlash(r.File)))
}

func readPNG(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, nil
}
