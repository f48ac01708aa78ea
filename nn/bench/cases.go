package main

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// benchCase is a network and what a step computes of it; peer.py has the same by name.
type benchCase struct {
	name, doc string
	prepare   func(dev accel.Device) (step func(ctx context.Context) error, err error)
}

const (
	batch   = 8
	classes = 10
)

var cases = []benchCase{
	{"vit_lora", "ViT-B/16, LoRA r8 on q and v, batch 8: training step", training("vit_base_patch16_224", "lora")},
	{"resnet_ssf", "ResNet-50, SSF, batch 8: training step", training("resnet50", "ssf")},
	{"resnet_full", "ResNet-50, full fine-tuning, batch 8: training step", training("resnet50", "full")},
	{"unet_forward", "SD-1.5 U-Net, 32x32 latents: forward", denoising},
}

func caseNames() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

func lookup(name string) (benchCase, error) {
	for _, c := range cases {
		if c.name == name {
			return c, nil
		}
	}
	return benchCase{}, fmt.Errorf("case %q is not known; there are %v", name, caseNames())
}

// training is forward, backward and AdamW of a classifier under a fine-tuning method.
func training(variant, method string) func(accel.Device) (func(context.Context) error, error) {
	return func(dev accel.Device) (func(context.Context) error, error) {
		v, err := model.Lookup(variant)
		if err != nil {
			return nil, err
		}
		m, err := v.New(model.Options{Classes: classes})
		if err != nil {
			return nil, err
		}
		in := m.Input()
		shape := []int{batch, in.Channels, in.Size, in.Size}
		network := func(b *layer.Builder) (images, logits *layer.Node) {
			images = b.Input("images", tensor.Float32, shape...)
			return images, m.Head(b, m.Features(b, images))
		}
		w := layer.NewWeights(1)
		a, err := peft.Prepare(func(b *layer.Builder) { network(b) }, w, peft.Options{Method: method})
		if err != nil {
			return nil, err
		}
		b := layer.NewBuilder(gorgonia.NewGraph(), w, a.Plan)
		images, logits := network(b)
		labels := b.Input("labels", tensor.Int32, batch)
		loss := b.CrossEntropy(logits, labels, 0)
		if err := b.Finish(); err != nil {
			return nil, err
		}
		mem := program.NewMemory(dev)
		if err := train.Upload(mem, w, b); err != nil {
			return nil, err
		}
		n, err := train.Compile(mem, b, loss, train.Config{Optim: optim.Config{Rule: "adamw", Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}},
			func(p layer.Param) (bool, float64) { return model.Decays(m, p.Name, p.Shape), 1 })
		if err != nil {
			return nil, err
		}
		which := make([]int32, batch)
		for i := range which {
			which[i] = int32(i % classes)
		}
		if err := errors.Join(n.Set(images, normal("images", shape)), n.Set(labels, which)); err != nil {
			return nil, err
		}
		steps := 0
		return func(ctx context.Context) error {
			_, _, err := n.Step(ctx, steps, 1e-4, func(int) error { return nil })
			steps++
			return err
		}, nil
	}
}

// denoising is one prediction of Stable Diffusion's U-Net (runwayml/stable-diffusion-v1-5).
func denoising(dev accel.Device) (func(context.Context) error, error) {
	m, err := model.StableDiffusion()
	if err != nil {
		return nil, err
	}
	m.SampleSize = 32
	w := layer.NewWeights(1)
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	latents, text := []int{1, m.InChannels, m.SampleSize, m.SampleSize}, []int{1, 77, m.CrossAttention}
	x := b.Input("sample", tensor.Float32, latents...)
	time := b.Input("time", tensor.Float32, 1, m.BlockOutChannels[0])
	caption := b.Input("text", tensor.Float32, text...)
	noise := m.Build(b, x, time, caption)
	mem := program.NewMemory(dev)
	p, err := train.CompileForward(mem, b, w, noise)
	if err != nil {
		return nil, err
	}
	err = errors.Join(p.Set(x, normal("sample", latents)), p.Set(time, m.TimeFeatures(500)), p.Set(caption, normal("text", text)))
	return p.Run, err
}

// normal is noise of the given shape.
func normal(name string, shape []int) []float32 {
	x, r := make([]float32, accel.Volume(shape)), rng.New(1, name)
	for i := range x {
		x[i] = float32(r.Norm())
	}
	return x
}
