package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
)

// LatentsInfo is meta.json of a latents folder.
type LatentsInfo struct {
	Images ImagesInfo `json:"images"`  // those that were encoded
	Codec  string     `json:"codec"`   // digest of what encoded them
	Text   string     `json:"text"`    // and of what encoded their captions
	Shape  []int      `json:"shape"`   // of an image's latents
	Hidden []int      `json:"hidden"`  // of a caption's embedding: tokens, width
	Rows   []int      `json:"caption"` // the embedding of each image's caption; 0 is the empty one's
}

// Latents are images and their captions as a diffusion model's U-Net sees them, computed once: the normal distribution of each image's
// latents, and the text encoder's hidden states.
type Latents struct {
	Info       LatentsInfo
	Records    []ImageRecord
	Order      []int
	Posteriors []diffusion.Posterior // of each image
	Embeddings [][]float32           // of each caption that occurs, the empty one first
}

const latentsFile = "latents.safetensors"

// Images are the images without their pixels.
func (l *Latents) Images() *Images {
	return &Images{Info: l.Info.Images, Records: l.Records, Order: l.Order}
}

// Write writes the folder.
func (l *Latents) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var mean, std, text []float32
	for _, p := range l.Posteriors {
		mean, std = append(mean, p.Mean...), append(std, p.Std...)
	}
	for _, e := range l.Embeddings {
		text = append(text, e...)
	}
	shape := append([]int{len(l.Posteriors)}, l.Info.Shape...)
	tensors := map[string]checkpoint.Tensor{
		"mean": checkpoint.FromFloat32(shape, mean), "text": checkpoint.FromFloat32(append([]int{len(l.Embeddings)}, l.Info.Hidden...), text),
	}
	if len(std) > 0 {
		tensors["std"] = checkpoint.FromFloat32(shape, std)
	}
	return errors.Join(
		checkpoint.Write(filepath.Join(dir, latentsFile), tensors, nil),
		WriteLines(filepath.Join(dir, recordsFile), l.Records),
		writeJSON(filepath.Join(dir, orderFile), l.Order),
		writeJSON(filepath.Join(dir, metaFile), l.Info),
	)
}

// ReadLatents reads and checks a latents folder.
func ReadLatents(dir string) (*Latents, error) {
	l := &Latents{}
	if err := readJSON(filepath.Join(dir, metaFile), &l.Info); err != nil {
		return nil, fmt.Errorf("not latents: %w", err)
	}
	var err error
	if l.Records, err = ReadLines[ImageRecord](filepath.Join(dir, recordsFile)); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(dir, orderFile), &l.Order); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, latentsFile)
	tensors, _, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	parts := map[string][][]float32{}
	for name, t := range tensors {
		if len(t.Shape) == 0 || t.Shape[0] < 1 {
			return nil, fmt.Errorf("%s: %s has shape %v", path, name, t.Shape)
		}
		values, err := t.Float32()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		n := len(values) / t.Shape[0]
		for i := range t.Shape[0] {
			parts[name] = append(parts[name], values[i*n:(i+1)*n])
		}
	}
	l.Embeddings = parts["text"]
	std := parts["std"]
	if n := len(l.Records); n == 0 || len(parts["mean"]) != n || std != nil && len(std) != n || len(l.Info.Rows) != n {
		return nil, fmt.Errorf("%s: %d means, %d deviations and %d captions for %d images", path, len(parts["mean"]), len(std), len(l.Info.Rows), n)
	}
	for i, mean := range parts["mean"] {
		p := diffusion.Posterior{Mean: mean}
		if std != nil {
			p.Std = std[i]
		}
		l.Posteriors = append(l.Posteriors, p)
		if row := l.Info.Rows[i]; row < 0 || row >= len(l.Embeddings) {
			return nil, fmt.Errorf("%s: image %s has caption %d of %d", path, l.Records[i].ID, row, len(l.Embeddings))
		}
	}
	for _, k := range l.Order {
		if k < 0 || k >= len(l.Records) || l.Records[k].Split != Train {
			return nil, fmt.Errorf("%s: order names image %d, which is not a training image", dir, k)
		}
	}
	return l, nil
}

// Digests name what makes latents of images, and embeddings of captions.
func (d *Diffusion) Digests() (codec, text string, err error) {
	settings, weights := any(d.Model.Codec), ""
	if a, ok := d.Model.Codec.(*diffusion.Autoencoder); ok {
		settings = a.Model
		if weights, err = a.Weights.Digest(func(string) bool { return true }); err != nil {
			return "", "", err
		}
	}
	config, err := json.Marshal(settings)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(append(config, weights...))
	text, err = d.Model.Weights.Digest(diffusion.IsText)
	return hex.EncodeToString(sum[:8]), text, err
}
