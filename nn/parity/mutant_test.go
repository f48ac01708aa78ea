package main

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
)

// mutant is a mistake that a port could make. Each must be seen by a fixture.
type mutant struct {
	name   string
	attrs  func(attrs any) any            // of a kernel
	swap   map[string]string              // one kernel for another, whose attributes attrs gives
	weight func(name string, v []float32) // changes a parameter's values
	edit   func(c *Case)                  // changes what the case asks for
	method func(e layer.Edit) layer.Edit  // changes an edit of a method
	of     string                         // the method whose fixtures alone must see it; empty: any
}

// mutantDevice launches other kernels, or with other attributes.
type mutantDevice struct {
	accel.Device
	m mutant
}

func (d mutantDevice) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) error {
	if d.m.attrs != nil {
		attrs = d.m.attrs(attrs)
	}
	if name, ok := d.m.swap[strings.TrimSuffix(k.Name(), ".dx")]; ok {
		var err error
		if k, err = d.Kernel(name + k.Name()[len(strings.TrimSuffix(k.Name(), ".dx")):]); err != nil {
			return err
		}
	}
	return d.Device.Launch(s, k, attrs, out, in)
}

// change makes a mutation of attributes of type A.
func change[A any](f func(a *A)) func(any) any {
	return func(attrs any) any {
		if a, ok := attrs.(A); ok {
			f(&a)
			return a
		}
		return attrs
	}
}

// into replaces attributes of type A by those of another kernel.
func into[A any](to any) func(any) any {
	return func(attrs any) any {
		if _, ok := attrs.(A); ok {
			return to
		}
		return attrs
	}
}

// exchange swaps the thirds i and k of parameters whose names end in one of the suffixes: the q, k and v of a fused projection.
func exchange(i, k int, suffixes ...string) func(string, []float32) {
	return func(name string, v []float32) {
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			n := len(v) / 3
			for j := range n {
				v[i*n+j], v[k*n+j] = v[k*n+j], v[i*n+j]
			}
		}
	}
}

// projection gives square projections of one name the weights of another: q, k and v read in another order.
func projection(is, becomes string) func(string, []float32) {
	return func(name string, v []float32) {
		if d := int(math.Sqrt(float64(len(v)))); strings.HasSuffix(name, is+".weight") && d*d == len(v) {
			copy(v, values(1, strings.Replace(name, is, becomes, 1), []int{d, d}))
		}
	}
}

// option replaces an option of a method that a case sets to something else.
func option(name string, v any) func(c *Case) {
	return func(c *Case) {
		if _, ok := c.Options[name]; ok {
			c.Options = maps.Clone(c.Options)
			c.Options[name] = v
		}
	}
}

var mutants = []mutant{
	{name: "layer norm's eps 1e-5 for 1e-6", attrs: change(func(a *kernel.LayerNorm) { a.Eps = 1e-5 })},
	{name: "batch norm's eps 1e-6 for 1e-5", attrs: change(func(a *kernel.BatchNorm) { a.Eps /= 10 })},
	{name: "layer norm's eps 1e-6 for 1e-5", attrs: change(func(a *kernel.LayerNorm) { a.Eps = 1e-6 })},
	{name: "group norm's eps 1e-5 for 1e-6", attrs: change(func(a *kernel.GroupNorm) { a.Eps = 1e-5 })},
	{name: "group norm's eps 1e-6 for 1e-5", attrs: change(func(a *kernel.GroupNorm) { a.Eps = 1e-6 })},
	{name: "half as many groups", attrs: change(func(a *kernel.GroupNorm) { a.Groups /= 2 })},
	{name: "quick gelu by erf", swap: map[string]string{"quick_gelu": "gelu"}, attrs: into[kernel.QuickGELU](kernel.GELU{})},
	{name: "strided convolutions padded on all sides alike", attrs: change(func(a *kernel.Conv2d) {
		if a.PadTop == 0 && a.PadBottom == 1 {
			a.PadTop, a.PadLeft, a.PadBottom, a.PadRight = 1, 1, 0, 0
		}
	})},
	{name: "gelu by tanh", swap: map[string]string{"gelu": "gelu_tanh"}, attrs: into[kernel.GELU](kernel.GELUTanh{})},
	{name: "gelu by sigmoid", swap: map[string]string{"gelu": "quick_gelu"}, attrs: into[kernel.GELU](kernel.QuickGELU{})},
	{name: "relu for relu6", swap: map[string]string{"relu6": "relu"}, attrs: into[kernel.ReLU6](kernel.ReLU{})},
	{name: "convolutions padded a row too low", attrs: change(func(a *kernel.Conv2d) {
		if a.PadTop > 0 {
			a.PadTop, a.PadBottom = a.PadTop-1, a.PadBottom+1
		}
	})},
	{name: "average pools count padding", attrs: change(func(a *kernel.Pool2d) { a.ExcludePad = false })},
	{name: "keys and values exchanged", weight: exchange(1, 2, "attn.qkv.weight", "attn.qkv.bias")},
	{name: "queries and keys exchanged", weight: exchange(0, 1, "attn.qkv.weight", "attn.qkv.bias")},
	{name: "keys' projection for values, in a U-Net", weight: projection("to_v", "to_k")},
	{name: "queries' projection for keys, in a text encoder", weight: projection("k_proj", "q_proj")},
	{name: "one head for all", attrs: change(func(a *kernel.Attention) { a.Heads = 1 })},
	{name: "causal attention", attrs: change(func(a *kernel.Attention) { a.Causal = !a.Causal })},
	{name: "batch norm's other mode", edit: func(c *Case) { c.Train = !c.Train }},
	{name: "a change multiplied by alpha and not by alpha / rank", edit: option("alpha", 6.0)},
	{name: "alpha / rank for rsLoRA's alpha / root of rank", edit: option("rslora", false)},
	{name: "the magnitude of a row next to it", weight: func(name string, v []float32) {
		if strings.HasSuffix(name, "magnitude_vector") {
			slices.Reverse(v)
		}
	}},
	{of: "ssf", name: "SSF's shift before its scale", weight: shiftFirst},
	{of: "ia3", name: "(IA)3 before the activation", method: beforeActivation, weight: hiddenVector},
	{of: "difffit", name: "DiffFit without the vector behind the feed-forward", method: withoutGamma},
	{of: "convpass", name: "Convpass without its rule for the class token", method: gridOnly},
	{of: "lora", name: "LoRA's q and v exchanged", method: exchangeChanges("q", "v")},
	{of: "fact_tt", name: "FacT's U and V of each layer's own", method: ownFactors},
	{of: "dora", name: "DoRA's norm with a gradient", method: attachedNorm},
	{name: "AdamW's eps 1e-8", attrs: change(func(a *kernel.AdamW) { a.Eps = 1e-8 })},
	{name: "AdamW without decay", attrs: change(func(a *kernel.AdamW) { a.WeightDecay = 0 })},
	{name: "AdamW's bias corrected a step late", attrs: change(func(a *kernel.AdamW) { a.Step++ })},
}

func TestEveryMutantIsCaughtByAFixture(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	all := fixtures(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			for _, c := range all {
				if m.of != "" && c.Method != m.of {
					continue
				}
				changed := *c
				if m.edit != nil {
					m.edit(&changed)
				}
				rep, err := Runner{Device: mutantDevice{dev, m}, Weight: m.weight, Edit: m.method}.Run(t.Context(), &changed)
				if caught := rep.Check(fixtureBound); caught != nil {
					t.Log(caught)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("none of %d fixtures sees it", len(all))
		})
	}
}

func TestEditsLeftAloneAreNoMutant(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	for _, c := range fixtures(t) {
		rep, err := Runner{Device: dev, Edit: func(e layer.Edit) layer.Edit { return e }}.Run(t.Context(), c)
		if err == nil {
			err = rep.Check(fixtureBound)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
