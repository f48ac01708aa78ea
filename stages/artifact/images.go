package artifact

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/pipe-ml/pipe/nn/checkpoint"
)

// ImagesInfo is meta.json of an images folder.
type ImagesInfo struct {
	Size     int       `json:"size"` // edge in pixels
	Channels int       `json:"channels"`
	Classes  []string  `json:"classes"`
	Mean     []float64 `json:"mean"` // of the training images, pixels from 0 to 1, per channel
	Std      []float64 `json:"std"`
	Count    int       `json:"count"`
	// MultiLabel says that an image may have several classes or none: Labels tell.
	MultiLabel bool `json:"multi_label,omitempty"`
}

// ImageRecord is what is known of one image of the tensor.
type ImageRecord struct {
	ID      string `json:"id"`
	Label   int    `json:"label"`           // index into the classes; -1: none
	Labels  []int  `json:"labels,omitzero"` // of a multi-label set: indices of all its classes, ascending; null: not known
	Caption string `json:"caption"`
	Patient string `json:"patient"`
	Split   string `json:"split"`
	// Attributes are the columns that the data set kept.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Images is a data set ready for training.
type Images struct {
	Info    ImagesInfo
	Records []ImageRecord
	Pixels  []byte // [Count, Channels, Size, Size]
	// Order lists the training images so that every prefix holds the classes in proportion: the fraction f of
	// the training data is the first round(f * n), and smaller fractions lie in larger ones.
	Order []int
}

const (
	metaFile   = "meta.json"
	pixelsFile = "images.safetensors"
	orderFile  = "order.json"
)

// Image returns the pixels of image i [Channels, Size, Size].
func (m *Images) Image(i int) []byte {
	n := m.Info.Channels * m.Info.Size * m.Info.Size
	return m.Pixels[i*n : (i+1)*n]
}

// Split lists the images of a split in the tensor's order.
func (m *Images) Split(name string) []int {
	var list []int
	for i, r := range m.Records {
		if r.Split == name {
			list = append(list, i)
		}
	}
	return list
}

// Fraction lists the share f of the training images, at least one.
func (m *Images) Fraction(f float64) []int {
	n := int(math.Round(f * float64(len(m.Order))))
	return m.Order[:min(len(m.Order), max(1, n))]
}

// Write writes the folder.
func (m *Images) Write(dir string) error {
	if err := m.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if m.Info.Classes == nil {
		m.Info.Classes = []string{}
	}
	if m.Order == nil {
		m.Order = []int{}
	}
	shape := []int{m.Info.Count, m.Info.Channels, m.Info.Size, m.Info.Size}
	tensors := map[string]checkpoint.Tensor{"images": checkpoint.FromUint8(shape, m.Pixels)}
	return errors.Join(
		checkpoint.Write(filepath.Join(dir, pixelsFile), tensors, nil),
		WriteLines(filepath.Join(dir, recordsFile), m.Records),
		writeJSON(filepath.Join(dir, orderFile), m.Order),
		writeJSON(filepath.Join(dir, metaFile), m.Info),
	)
}

// ReadImages reads and checks an images folder.
func ReadImages(dir string) (*Images, error) {
	m := &Images{}
	if err := readJSON(filepath.Join(dir, metaFile), &m.Info); err != nil {
		return nil, fmt.Errorf("not preprocessed images: %w", err)
	}
	var err error
	if m.Records, err = ReadLines[ImageRecord](filepath.Join(dir, recordsFile)); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(dir, orderFile), &m.Order); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, pixelsFile)
	tensors, _, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	t, ok := tensors["images"]
	if !ok || t.DType != checkpoint.U8 {
		return nil, fmt.Errorf("%s: holds no uint8 tensor \"images\"", path)
	}
	m.Pixels = t.Data
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// check holds what every reader relies on.
func (m *Images) check() error {
	i := m.Info
	switch {
	case i.Size < 1 || i.Channels != 1 && i.Channels != 3:
		return fmt.Errorf("images of %d pixels and %d channels", i.Size, i.Channels)
	case len(i.Mean) != i.Channels || len(i.Std) != i.Channels:
		return fmt.Errorf("%d means and %d deviations for %d channels", len(i.Mean), len(i.Std), i.Channels)
	case len(m.Records) != i.Count || len(m.Pixels) != i.Count*i.Channels*i.Size*i.Size:
		return fmt.Errorf("%d records and %d bytes of pixels for %d images", len(m.Records), len(m.Pixels), i.Count)
	}
	for k, r := range m.Records {
		if r.Label < -1 || r.Label >= len(i.Classes) {
			return fmt.Errorf("record %d (%s): label %d of %d classes", k, r.ID, r.Label, len(i.Classes))
		}
		for _, label := range r.Labels {
			if label < 0 || label >= len(i.Classes) {
				return fmt.Errorf("record %d (%s): label %d of %d classes", k, r.ID, label, len(i.Classes))
			}
		}
		if r.Split != Train && r.Split != Val && r.Split != Test {
			return fmt.Errorf("record %d (%s): unknown split %q", k, r.ID, r.Split)
		}
	}
	seen := make(map[int]bool, len(m.Order))
	for _, k := range m.Order {
		if k < 0 || k >= i.Count || seen[k] || m.Records[k].Split != Train {
			return fmt.Errorf("order names image %d, which is not a training image or named twice", k)
		}
		seen[k] = true
	}
	return nil
}
