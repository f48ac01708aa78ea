package artifact

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/pipe-ml/pipe/nn/peft"
)

// diffusersLoRA is the file of diffusers' save_lora_weights.
const diffusersLoRA = "pytorch_lora_weights.safetensors"

// refuseAdapter is an error for a folder of nothing but an adapter in the place of a model.
func refuseAdapter(dir string) error {
	switch {
	case fileExists(filepath.Join(dir, peft.ConfigFile)):
		return fmt.Errorf("%s: it is an adapter of the PEFT library, not a model: give it to a stage \"merge\" \"NAME\" { model = BASE, adapter = %q } with the model "+
			"that it was trained on, and give merge.NAME.model here", dir, dir)
	case fileExists(filepath.Join(dir, diffusersLoRA)):
		return fmt.Errorf("%s: it is a LoRA as diffusers saves it, not a model: make one of it there, by load_lora_weights, fuse_lora, unload_lora_weights and save_pretrained of "+
			"its pipeline, and give that folder", dir)
	}
	return nil
}

// ReadAdapted reads a pretrained classifier, as OpenBackbone does, with an adapter that the PEFT library saved for it. classes are the names of
// the head's outputs; nil if the model knows them.
func ReadAdapted(path, architecture, adapter string, classes []string) (*Classifier, error) {
	b, err := OpenBackbone(path, architecture)
	if err != nil {
		return nil, err
	}
	c, err := b.adapted(adapter, classes)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	c.archive = b.archive
	return c, nil
}

// adapted is the network with the adapter, under the adapter's head if that has one, else under its own.
func (b *Backbone) adapted(adapter string, classes []string) (*Classifier, error) {
	info := b.Info
	if classes == nil {
		classes = info.Classes
	}
	bare, err := NewClassifier(info.Architecture, info.options(), []string{"unread"}, 0)
	if err != nil {
		return nil, err
	}
	head, err := bare.head()
	if err != nil {
		return nil, err
	}
	shapes, err := peft.Shapes(adapter)
	if err != nil {
		return nil, err
	}
	shape, brought := shapes[head[0]]
	if !brought {
		shape = b.tensors[head[0]].Shape
	}
	switch {
	case len(shape) == 0:
		return nil, fmt.Errorf("neither the model nor the adapter %s has a head, %s: save the adapter with modules_to_save", adapter, head[0])
	case len(classes) == 0:
		return nil, fmt.Errorf("the head has %d outputs, and no file says what they are called: write classes = [...], in their order", shape[0])
	case len(classes) != shape[0]:
		return nil, fmt.Errorf("%d classes for a head of %d outputs: write classes = [...], in their order", len(classes), shape[0])
	}
	info.Classes, info.FineTuned, info.TimmConfig = classes, true, nil
	c, err := withTensors(b.tensors, info, brought, 0)
	if err != nil {
		return nil, err
	}
	load := peft.LoadBody
	if brought {
		load = peft.Load
	}
	if c.Adapter, err = load(adapter, c.Network, c.Weights); err != nil {
		return nil, err
	}
	c.Changes = append(slices.Clone(b.notes), c.Changes...)
	return c, nil
}

// Adapt reads an adapter that the PEFT library saved for the U-Net or for the text encoder, which its names tell.
func (d *Diffusion) Adapt(adapter string) error {
	if d.FineTuned() {
		return errors.New(FineTunedAlready)
	}
	shapes, err := peft.Shapes(adapter)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(shapes)), peft.OfCLIPText) {
		d.TextAdapter, err = peft.Load(adapter, d.Model.TextEncoder, d.Model.Weights)
	} else {
		d.Adapter, err = peft.Load(adapter, d.Model.Denoiser, d.Model.Weights)
	}
	if err != nil {
		return err
	}
	tuned, err := d.Tuned()
	if err == nil {
		d.Model.Plan = tuned.Plan
	}
	return err
}
