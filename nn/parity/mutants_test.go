package main

import (
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// mutants are those of networks, operators and the optimiser; methodMutants has the methods'.
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
	{name: "slices an element too early", attrs: change(func(a *kernel.Slice) { a.Start = max(0, a.Start-1) })},
	{name: "AdamW's eps 1e-8", attrs: change(func(a *kernel.AdamW) { a.Eps = 1e-8 })},
	{name: "AdamW without decay", attrs: change(func(a *kernel.AdamW) { a.WeightDecay = 0 })},
	{name: "AdamW's bias corrected a step late", attrs: change(func(a *kernel.AdamW) { a.Step++ })},
}
