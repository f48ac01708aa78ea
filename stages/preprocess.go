package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	"golang.org/x/image/draw"

	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "preprocess",
		Version: 1,
		Doc: "Brings a data set to one size, splits it by patient and orders it for training.\n\n" +
			"Images are resized with antialiasing. No patient and no repeated image is in two splits; splits that the set gives are kept, and a missing one is cut out of train. " +
			"The training images are ordered so that every fraction of them is stratified and contains the smaller ones.",
		CPUs:   1,
		Memory: 2 << 30,
		New:    func() Stage { return &preprocess{} },
	})
}

type preprocess struct {
	Size    int                `pipe:"size" default:"64" min:"8" max:"1024" doc:"Edge of the square result in pixels."`
	Crop    string             `pipe:"crop" default:"center" enum:"center,pad,stretch" doc:"How to make images square: cut off the longer side, add black, or distort."`
	CropPct float64            `pipe:"crop_pct,optional" min:"0.1" max:"1" doc:"Share of the shorter side that the center crop keeps, timm's crop_pct: 0.875 for many published networks. Default: 1."`
	Color   string             `pipe:"color" default:"gray" enum:"gray,rgb" doc:"Channels of the result."`
	Split   map[string]float64 `pipe:"split" default:"{\"train\":0.7,\"val\":0.1,\"test\":0.2}" min:"0" max:"1" doc:"Share of train, val and test."`
	Given   bool               `pipe:"given_splits" default:"true" doc:"Keep the splits that the data set gives."`
	Multi   bool               `pipe:"multi_label,optional" doc:"Take all labels that the data set has of an image, instead of its class: each of them becomes a class, and an image may have several or none."`
	Require []string           `pipe:"require,optional" enum:"label,caption" doc:"Leave out images that lack one of these."`
	Seed    int                `pipe:"seed" default:"0" min:"0" doc:"Of the split and the order."`
	Data    Input              `pipe:"data" kind:"dataset" doc:"The data set."`
	Images  Output             `pipe:"images" kind:"images" doc:"The images as one tensor with records, order and statistics."`
}

func (p *preprocess) Validate() error {
	sum := 0.0
	var errs []error
	for _, name := range sortedKeys(p.Split) {
		if !slices.Contains(splits, name) {
			errs = append(errs, wrong("split."+name, "the splits are train, val and test"))
		}
		sum += p.Split[name]
	}
	if math.Abs(sum-1) > 1e-6 {
		errs = append(errs, wrong("split", "the shares must sum to 1, not %.4g", sum))
	}
	if p.CropPct > 0 && p.Crop != "center" && p.Crop != "" {
		errs = append(errs, wrong("crop_pct", "is of the center crop: leave it out, or set crop = \"center\""))
	}
	if p.Split[artifact.Train] == 0 {
		errs = append(errs, wrong("split.train", "must be above 0"))
	}
	return errors.Join(errs...)
}

func (p *preprocess) Run(ctx context.Context, r Reporter) error {
	d, err := artifact.ReadDataset(p.Data.Path)
	if err != nil {
		return err
	}
	images, err := p.tensor(ctx, r, d)
	if err != nil {
		return err
	}
	for _, s := range splits {
		n := len(images.Split(s))
		r.Metric("images_"+s, float64(n))
		r.Log("%s: %d images", s, n)
	}
	return images.Write(string(p.Images))
}

// tensor makes the images of the records that are taken.
func (p *preprocess) tensor(ctx context.Context, r Reporter, d *artifact.Dataset) (*artifact.Images, error) {
	records, classes := p.required(d.Records), d.Info.Classes
	if len(records) == 0 {
		return nil, fmt.Errorf("none of %d images has what require asks for", len(d.Records))
	}
	if !p.Given {
		for i := range records {
			records[i].Split = ""
		}
	}
	if torn := assignSplits(records, patients(records, slices.Concat(d.Info.Duplicates, d.Info.Conflicts)...), p.Split, uint64(p.Seed)); torn > 0 {
		r.Log("the given splits tear %d patients apart", torn)
		r.Metric("torn_patients", float64(torn))
	}
	channels := 1
	if p.Color == "rgb" {
		channels = 3
	}
	m := &artifact.Images{Info: artifact.ImagesInfo{Size: p.Size, Channels: channels, Classes: classes, Count: len(records)}}
	if p.Multi {
		m.Info.MultiLabel, m.Info.Classes = true, findings(records)
	}
	index := map[string]int{}
	for i, c := range m.Info.Classes {
		index[c] = i
	}
	for _, rec := range records {
		image := artifact.ImageRecord{ID: rec.ID, Label: -1, Caption: rec.Caption, Patient: rec.Patient, Split: rec.Split, Attributes: rec.Attributes}
		if i, ok := index[rec.Label]; ok {
			image.Label = i
		}
		if labels := allLabels(rec); p.Multi && labels != nil {
			image.Labels = []int{}
			for _, label := range labels {
				image.Labels = append(image.Labels, index[label])
			}
			slices.Sort(image.Labels)
		}
		m.Records = append(m.Records, image)
	}
	m.Order = trainingOrder(m.Records, uint64(p.Seed))
	if len(m.Order) == 0 {
		return nil, errors.New("no image is in the train split")
	}
	m.Pixels = make([]byte, len(records)*channels*p.Size*p.Size)
	errs := make([]error, len(records))
	err := forEach(ctx, len(records), r, func(i int) {
		img, err := d.Open(records[i])
		if err != nil {
			errs[i] = err
			return
		}
		resize(m.Image(i), img, p.Size, channels, p.Crop, cmp.Or(p.CropPct, 1))
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	m.Info.Mean, m.Info.Std = statistics(m)
	return m, nil
}

// allLabels are those of an image: all findings, or where the set tells none, its class. Nil: not known.
func allLabels(rec artifact.Record) []string {
	if rec.Labels == nil && rec.Label != "" {
		return []string{rec.Label}
	}
	return rec.Labels
}

// findings are all labels that images have, sorted.
func findings(records []artifact.Record) []string {
	var all []string
	for _, rec := range records {
		all = append(all, allLabels(rec)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *preprocess) required(all []artifact.Record) []artifact.Record {
	var kept []artifact.Record
	for _, rec := range all {
		unlabelled := rec.Label == ""
		if p.Multi {
			unlabelled = allLabels(rec) == nil
		}
		if slices.Contains(p.Require, "label") && unlabelled || slices.Contains(p.Require, "caption") && rec.Caption == "" {
			continue
		}
		kept = append(kept, rec)
	}
	return kept
}

// resize writes img to dst [channels, size, size], by a triangle filter that widens as the image shrinks
// (what PyTorch and Pillow call bilinear with antialiasing). Colour becomes grey by ITU-R 601.
// A center crop keeps the share pct of the shorter side.
func resize(dst []byte, img image.Image, size, channels int, crop string, pct float64) {
	from, to := img.Bounds(), image.Rect(0, 0, size, size)
	w, h := from.Dx(), from.Dy()
	edge := max(1, int(math.Round(pct*float64(min(w, h)))))
	switch crop {
	case "center":
		from = image.Rect(0, 0, edge, edge).Add(from.Min).Add(image.Pt((w-edge)/2, (h-edge)/2))
	case "pad":
		long := max(w, h)
		tw, th := max(1, (w*size+long/2)/long), max(1, (h*size+long/2)/long)
		to = image.Rect(0, 0, tw, th).Add(image.Pt((size-tw)/2, (size-th)/2))
	}
	if channels == 1 {
		if _, grey := img.(*image.Gray); !grey {
			g := image.NewGray(img.Bounds())
			draw.Draw(g, g.Rect, img, g.Rect.Min, draw.Src)
			img = g
		}
	}
	scaled := image.NewRGBA(image.Rect(0, 0, size, size))
	draw.BiLinear.Scale(scaled, to, img, from, draw.Src, nil)
	for c := range channels {
		plane := dst[c*size*size:][:size*size]
		for i := range plane {
			plane[i] = scaled.Pix[4*i+c]
		}
	}
}

// statistics are mean and standard deviation of the training pixels per channel, on a scale from 0 to 1. The
// sums are of integers and so exact.
func statistics(m *artifact.Images) (mean, std []float64) {
	area := m.Info.Size * m.Info.Size
	mean, std = make([]float64, m.Info.Channels), make([]float64, m.Info.Channels)
	for c := range m.Info.Channels {
		var sum, squares uint64
		for _, i := range m.Order {
			for _, v := range m.Image(i)[c*area:][:area] {
				sum += uint64(v)
				squares += uint64(v) * uint64(v)
			}
		}
		n := float64(len(m.Order) * area)
		mu := float64(sum) / n
		mean[c] = mu / 255
		// Images of one value have no spread; 1/255 keeps a division by it harmless.
		std[c] = max(math.Sqrt(max(0, float64(squares)/n-float64(mu*mu))), 1) / 255
	}
	return mean, std
}
