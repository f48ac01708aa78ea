package artifact

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
)

// TimmConfig is what timm reads of a config.json beside the architecture, so that create_model("local-dir:PATH") gives the network. It
// knows the architectures that have its names.
type TimmConfig struct {
	NumClasses int            `json:"num_classes"`
	LabelNames []string       `json:"label_names"`
	ModelArgs  map[string]any `json:"model_args"` // where they are not the architecture's
	Pretrained struct {
		InputSize  []int     `json:"input_size"` // channels, height, width
		Mean       []float32 `json:"mean"`
		Std        []float32 `json:"std"`
		NumClasses int       `json:"num_classes"`
		CropPct    float64   `json:"crop_pct"`
		Classifier string    `json:"classifier"` // module of the head
	} `json:"pretrained_cfg"`
}

// errNotFineTuned is the error of merging a model that has whole weights.
var errNotFineTuned = errors.New("it is not fine-tuned, its weights are whole: use it as it is, or give an adapter too")

// WriteMerged writes a fine-tuned classifier as whole weights in float32, under the names of its reference implementation: a model folder as Write
// writes it, which timm reads too.
func (c *Classifier) WriteMerged(dir string) error {
	if c.Adapter == nil {
		return errNotFineTuned
	}
	w, err := c.Adapter.Merge(c.Weights)
	if err != nil {
		return err
	}
	merged := &Classifier{Info: c.Info, Weights: w}
	merged.Info.FineTuned = false
	if merged.Info.TimmConfig, err = c.timm(); err != nil {
		return err
	}
	return merged.Write(dir)
}

// timm describes the network as timm does.
func (c *Classifier) timm() (*TimmConfig, error) {
	v, err := model.Lookup(c.Info.Architecture)
	if err != nil {
		return nil, err
	}
	head, err := c.head()
	if err != nil {
		return nil, err
	}
	i := c.Info
	t := &TimmConfig{NumClasses: len(i.Classes), LabelNames: i.Classes, ModelArgs: map[string]any{}}
	if i.Channels != 3 {
		t.ModelArgs["in_chans"] = i.Channels
	}
	if v.Kind == model.Transformer && i.Size != v.Input.Size {
		t.ModelArgs["img_size"] = i.Size
	}
	if i.GlobalPool != "" {
		t.ModelArgs["global_pool"] = i.GlobalPool
	}
	p := &t.Pretrained
	p.InputSize, p.Mean, p.Std = []int{i.Channels, i.Size, i.Size}, i.Mean, i.Std
	p.NumClasses, p.CropPct, p.Classifier = len(i.Classes), 1, strings.TrimSuffix(head[0], ".weight")
	return t, nil
}

// WriteMerged writes a fine-tuned model as whole weights in float32: the folder that it came from, as diffusers lays it out, with
// other weights of the networks that were fine-tuned.
func (d *Diffusion) WriteMerged(dir string) error {
	if !d.FineTuned() {
		return errNotFineTuned
	}
	tuned, err := d.Tuned()
	if err != nil {
		return err
	}
	w, err := tuned.Merge(d.Model.Weights)
	if err != nil {
		return err
	}
	changed := map[string][]string{} // names of weights by folder
	for _, name := range w.Names() {
		switch text := diffusion.IsText(name); {
		case text && d.TextAdapter != nil:
			changed[textDir] = append(changed[textDir], name)
		case !text && d.Adapter != nil:
			changed[unetDir] = append(changed[unetDir], name)
		}
	}
	for _, f := range d.files {
		if changed[filepath.Dir(f)] != nil && filepath.Base(f) != modelFile {
			continue
		}
		if err := d.copyFile(dir, f); err != nil {
			return err
		}
	}
	for part, file := range map[string]string{unetDir: unetWeights, textDir: weightsFile} {
		if changed[part] == nil {
			continue
		}
		tensors := checkpoint.FromWeights(w, changed[part])
		if err := checkpoint.Write(filepath.Join(dir, part, file), tensors, map[string]string{"format": "pt"}); err != nil {
			return err
		}
	}
	return nil
}
