package artifact

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"path/filepath"
)

// Sample is one generated image.
type Sample struct {
	Index  int    `json:"index"`
	Prompt string `json:"prompt"`
	Label  string `json:"label"` // class that the prompt asks for, "" if unknown
	Seed   uint64 `json:"seed"`
	File   string `json:"file"`
}

// SamplesInfo is info.json of a samples folder: how the images were drawn.
type SamplesInfo struct {
	Sampler  string  `json:"sampler"`
	Steps    int     `json:"steps"`
	Eta      float64 `json:"eta,omitempty"` // of ddim
	Guidance float64 `json:"guidance"`
	Seed     uint64  `json:"seed"`
}

const (
	samplesFile     = "samples.jsonl"
	samplesInfoFile = "info.json"
)

// SheetName is the contact sheet in a samples folder.
const SheetName = "sheet.png"

// WriteSamples writes the images as 00000.png and so on, how they were drawn, their records, and a contact sheet of
// the first rows x columns. It sets Index and File of the records.
func WriteSamples(dir string, info SamplesInfo, samples []Sample, images []image.Image, columns, rows int) error {
	if len(samples) != len(images) {
		return fmt.Errorf("%d records for %d samples", len(samples), len(images))
	}
	for i := range samples {
		samples[i].Index = i
		samples[i].File = fmt.Sprintf("%05d.png", i)
		if err := WritePNG(filepath.Join(dir, samples[i].File), images[i]); err != nil {
			return err
		}
	}
	if len(images) > 0 {
		if err := WritePNG(filepath.Join(dir, SheetName), Sheet(images[:min(len(images), columns*rows)], columns)); err != nil {
			return err
		}
	}
	if err := WriteLines(filepath.Join(dir, samplesFile), samples); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, samplesInfoFile), info)
}

// ReadSamples reads how the images of a samples folder were drawn, and their records.
func ReadSamples(dir string) (SamplesInfo, []Sample, error) {
	var info SamplesInfo
	if err := readJSON(filepath.Join(dir, samplesInfoFile), &info); err != nil {
		return info, nil, fmt.Errorf("not samples: %w", err)
	}
	samples, err := ReadLines[Sample](filepath.Join(dir, samplesFile))
	if err != nil {
		return info, nil, err
	}
	for i, s := range samples {
		if s.Index != i || !filepath.IsLocal(s.File) {
			return info, nil, fmt.Errorf("%s:%d: index %d, file %q", filepath.Join(dir, samplesFile), i+1, s.Index, s.File)
		}
	}
	return info, samples, nil
}

// OpenSample decodes the image of a sample.
func OpenSample(dir string, s Sample) (image.Image, error) {
	return readPNG(filepath.Join(dir, s.File))
}

// Sheet lays images out in rows on white, two pixels apart; the first image's size is everyone's cell.
func Sheet(images []image.Image, columns int) image.Image {
	const gap = 2
	columns = max(1, min(columns, len(images)))
	rows := (len(images) + columns - 1) / columns
	cell := image.Pt(1, 1)
	grey := true
	for i, img := range images {
		if i == 0 {
			cell = img.Bounds().Size()
		}
		_, isGrey := img.(*image.Gray)
		grey = grey && isGrey
	}
	area := image.Rect(0, 0, columns*(cell.X+gap)-gap, rows*(cell.Y+gap)-gap)
	var sheet draw.Image = image.NewRGBA(area)
	if grey {
		sheet = image.NewGray(area)
	}
	draw.Draw(sheet, area, image.NewUniform(color.White), image.Point{}, draw.Src)
	for i, img := range images {
		at := image.Pt(i%columns*(cell.X+gap), i/columns*(cell.Y+gap))
		draw.Draw(sheet, image.Rectangle{Min: at, Max: at.Add(cell)}, img, img.Bounds().Min, draw.Src)
	}
	return sheet
}
