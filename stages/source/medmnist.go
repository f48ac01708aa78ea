package source

import (
	"fmt"
	"image"
	"os"
	"path"
	"strings"

	"github.com/sbinet/npyio/npy"
	"github.com/sbinet/npyio/npz"
)

func init() {
	Register(Layout{
		Name:    "medmnist",
		Expects: "one NAME.npz with the arrays train_images, train_labels, val_images, val_labels, test_images, test_labels",
		Match:   func(t *Tree) bool { return len(npzFiles(t)) == 1 && len(t.Match(isImage)) == 0 },
		Open:    openMedMNIST,
	})
}

// medMNISTClasses names the classes of sets whose meaning is commonly needed; others are class_0 and so on.
// Source: Yang et al., "MedMNIST v2", Scientific Data 10 (2023) 41.
var medMNISTClasses = map[string][]string{
	"pneumoniamnist": {"normal", "pneumonia"},
	"breastmnist":    {"malignant", "normal, benign"},
	"chestmnist": {"atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia", "pneumothorax",
		"consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"},
	"octmnist": {"choroidal neovascularization", "diabetic macular edema", "drusen", "normal"},
}

func npzFiles(t *Tree) []string {
	return t.Match(func(f string) bool { return strings.EqualFold(path.Ext(f), ".npz") })
}

// openMedMNIST reads one set of MedMNIST. Images are uint8 [N, H, W] or [N, H, W, 3]; labels are [N, 1], or
// [N, K] of zeros and ones where an image may have several findings: it then has a label only if it has one
// finding. A set with no label in any column keeps all of them in Labels.
func openMedMNIST(t *Tree, o Options) (s *Set, err error) {
	if err := o.none(); err != nil {
		return nil, err
	}
	files := npzFiles(t)
	if len(files) != 1 {
		return nil, fmt.Errorf("%d npz files, want one", len(files))
	}
	file := files[0]
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	// The library panics on some malformed headers; that is an error of the file.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("cannot be read as npz: %v", p)
		}
	}()
	s = &Set{Name: name, Modality: "mixed", License: "CC BY 4.0; DermaMNIST CC BY-NC 4.0"}
	archive, err := npz.Open(t.Path(file))
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	base, _, _ := strings.Cut(strings.ToLower(name), "_") // pneumoniamnist_128
	info, err := os.Stat(t.Path(file))
	if err != nil {
		return nil, err
	}
	// A shape that needs more bytes than deflate can hold in this file is a lie.
	most := int(info.Size()) * 1032
	for _, split := range []string{"train", "val", "test"} {
		pixels, shape, err := npzBytes(archive, split+"_images", most)
		if err != nil {
			return nil, err
		}
		labels, labelShape, err := npzBytes(archive, split+"_labels", most)
		if err != nil {
			return nil, err
		}
		if len(shape) != 3 && !(len(shape) == 4 && shape[3] == 3) {
			return nil, fmt.Errorf("%s_images has shape %v, want [N, H, W] or [N, H, W, 3]", split, shape)
		}
		if len(labelShape) < 1 || len(labelShape) > 2 || labelShape[0] != shape[0] {
			return nil, fmt.Errorf("%s_labels has shape %v for %d images", split, labelShape, shape[0])
		}
		columns := 1
		if len(labelShape) == 2 {
			columns = labelShape[1]
		}
		for i := range shape[0] {
			found := medMNISTLabels(labels[i*columns:(i+1)*columns], medMNISTClasses[base])
			it := Item{Origin: fmt.Sprintf("%s/%06d", split, i), Split: split, Load: imageOf(pixels, shape, i)}
			if columns > 1 {
				it.Labels = found
			}
			if len(found) == 1 {
				it.Label = found[0]
			}
			s.Items = append(s.Items, it)
		}
	}
	return s, nil
}

// medMNISTLabels reads one row: a class index, or a flag for each class.
func medMNISTLabels(row []byte, names []string) []string {
	name := func(c int) string {
		if c < len(names) {
			return names[c]
		}
		return fmt.Sprintf("class_%d", c)
	}
	if len(row) == 1 {
		return []string{name(int(row[0]))}
	}
	list := []string{} // none of them is known too
	for c, flag := range row {
		if flag != 0 {
			list = append(list, name(c))
		}
	}
	return list
}

func imageOf(pixels []byte, shape []int, i int) func() (image.Image, error) {
	h, w := shape[1], shape[2]
	return func() (image.Image, error) {
		if len(shape) == 3 {
			return &image.Gray{Pix: pixels[i*h*w : (i+1)*h*w], Stride: w, Rect: image.Rect(0, 0, w, h)}, nil
		}
		rgb := image.NewRGBA(image.Rect(0, 0, w, h))
		for k, p := 0, pixels[i*h*w*3:(i+1)*h*w*3]; k < h*w; k++ {
			rgb.Pix[4*k], rgb.Pix[4*k+1], rgb.Pix[4*k+2], rgb.Pix[4*k+3] = p[3*k], p[3*k+1], p[3*k+2], 255
		}
		return Canonical(rgb), nil
	}
}

// npzBytes reads an array of the archive with at most that many elements, all whole numbers from 0 to 255.
func npzBytes(archive *npz.Reader, name string, most int) (data []byte, shape []int, err error) {
	key := ""
	for _, k := range archive.Keys() {
		if strings.TrimSuffix(k, ".npy") == name {
			key = k
		}
	}
	if key == "" {
		return nil, nil, fmt.Errorf("holds no array %s, only %s", name, strings.Join(archive.Keys(), ", "))
	}
	h := archive.Header(key)
	if h == nil {
		return nil, nil, fmt.Errorf("%s: header cannot be read", name)
	}
	n := 1
	for _, d := range h.Descr.Shape {
		if d < 0 || d > 0 && n > most/d {
			return nil, nil, fmt.Errorf("%s: shape %v", name, h.Descr.Shape)
		}
		n *= d
	}
	if h.Descr.Fortran {
		return nil, nil, fmt.Errorf("%s is in Fortran order", name)
	}
	if err := readBytes(archive, key, h, &data); err != nil {
		return nil, nil, fmt.Errorf("%s (%s %v): %w", name, h.Descr.Type, h.Descr.Shape, err)
	}
	if len(data) != n {
		return nil, nil, fmt.Errorf("%s: %d values for shape %v", name, len(data), h.Descr.Shape)
	}
	return data, h.Descr.Shape, nil
}

// readBytes reads uint8, and the int64 that some releases use for labels.
func readBytes(archive *npz.Reader, key string, h *npy.Header, data *[]byte) error {
	switch strings.TrimLeft(h.Descr.Type, "|<") {
	case "u1":
		return archive.Read(key, data)
	case "i8":
		var wide []int64
		if err := archive.Read(key, &wide); err != nil {
			return err
		}
		*data = make([]byte, len(wide))
		for i, v := range wide {
			if v < 0 || v > 255 {
				return fmt.Errorf("value %d is not from 0 to 255", v)
			}
			(*data)[i] = byte(v)
		}
		return nil
	}
	return fmt.Errorf("the elements must be uint8")
}
