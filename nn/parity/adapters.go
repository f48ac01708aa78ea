package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// exchanged are the methods whose adapters the PEFT library has.
var exchanged = []string{"lora", "dora", "ia3", "vera"}

// adaptersForLibrary saves the adapters of the fixtures of the families of adapters.py, and has the library load them and compute.
func adaptersForLibrary(ctx context.Context, r reference) (err error) {
	dir, err := os.MkdirTemp("", "pipe-adapters-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var paths []string
	for _, family := range []string{"reparameterised", "vit_additive"} {
		found, err := filepath.Glob(filepath.Join("nn", "model", "testdata", "parity", family, "*.safetensors"))
		if err != nil {
			return err
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		if err := saveForLibrary(path, dir); err != nil {
			return err
		}
	}
	load := r.command(ctx, "load-adapters", dir)
	load.Stdout = os.Stdout
	if err := load.Run(); err != nil {
		return fmt.Errorf("adapters of ours in the PEFT library: %w", err)
	}
	return nil
}

// saveForLibrary saves the adapter of the case at path below dir, if it is one that the library has: loralib's convolutions and VeRA on slices are not.
func saveForLibrary(path, dir string) (err error) {
	c, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if !slices.Contains(exchanged, c.Method) || c.Name == "lora_conv_loralib" || c.Name == "vera_slices" {
		return nil
	}
	w, network, err := c.base()
	if err != nil {
		return err
	}
	a, err := peft.Prepare(network, w, peft.Options{Method: c.Method, Config: c.Options})
	if err != nil {
		return err
	}
	for _, name := range a.Delta() {
		if err := w.Set(name, w.Shape(name), values(c.Seed, name, w.Shape(name))); err != nil {
			return err
		}
	}
	to := filepath.Join(dir, c.Family, c.Name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return a.Save(to, w)
}

// base is the case's network without its method, on its weights.
func (c *Case) base() (*layer.Weights, peft.Model, error) {
	make, err := c.network()
	if err != nil {
		return nil, nil, err
	}
	network := func(b *layer.Builder) {
		if in, err := c.inputs(b); err == nil {
			_, _ = make(b, in) // an error stays in the builder, and a family's own is met when the case runs
		}
	}
	w := layer.NewWeights(c.Seed)
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	network(b)
	for _, p := range b.Sites().Params {
		if err := w.Set(p.Name, p.Shape, values(c.Seed, p.Name, p.Shape)); err != nil {
			return nil, nil, err
		}
	}
	return w, network, b.Finish()
}
