package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// network builds a case's network on its inputs and returns its output and further nodes that taps may name.
type network func(b *layer.Builder, in map[string]*layer.Node) (map[string]*layer.Node, error)

// families makes networks from the config of a case.
var families = map[string]func(config []byte) (network, error){
	"clip_text": clipText,
	"densenet":  classifier(model.NewDenseNet),
	"inception": classifier(model.NewInception),
	"mobilenet": classifier(model.NewMobileNet),
	"resnet":    classifier(model.NewResNet),
	"unet":      unet,
	"vae":       autoencoder,
	"vit":       classifier(model.NewViT),

	"clip_text_additive": clipText,
	"resnet_additive":    classifier(model.NewResNet),
	"unet_additive":      unet,
	"vit_additive":       classifier(model.NewViT),
}

func init() { families["reparameterised"] = reparameterised }

// reparameterised builds the networks of its cases, a ViT or a ResNet, which has blocks by name or is named.
func reparameterised(config []byte) (network, error) {
	if bytes.Contains(config, []byte(`"block"`)) || bytes.Contains(config, []byte(`"resnet`)) {
		return families["resnet"](config)
	}
	return families["vit"](config)
}

// classifier is the family of a classifier whose config names a variant and classes, or is that of build.
func classifier[C any, M model.Classifier](build func(C, model.Input) (M, error)) func(config []byte) (network, error) {
	return func(config []byte) (network, error) {
		var c C
		var row struct {
			Variant string `json:"variant"`
			Classes int    `json:"classes"`
		}
		named := bytes.Contains(config, []byte(`"variant"`))
		var err error
		if named {
			err = decode(config, &row)
		} else {
			err = decode(config, &c)
		}
		if err != nil {
			return nil, err
		}
		return func(b *layer.Builder, in map[string]*layer.Node) (map[string]*layer.Node, error) {
			images := in["images"]
			if images == nil || len(images.Shape()) != 4 {
				return nil, errors.New("want the input images [B, C, H, W]")
			}
			size, channels := images.Shape()[2], images.Shape()[1]
			var m model.Classifier
			var err error
			if named {
				var v model.Variant
				if v, err = model.Lookup(row.Variant); err == nil {
					m, err = v.New(model.Options{Size: size, Channels: channels, Classes: row.Classes})
				}
			} else {
				m, err = build(c, model.Input{Size: size, Channels: channels})
			}
			if err != nil {
				return nil, err
			}
			features := m.Features(b, images)
			return map[string]*layer.Node{"features": features, "output": m.Head(b, features)}, nil
		}, nil
	}
}

// network finds and configures the case's network.
func (c *Case) network() (network, error) {
	family, ok := families[c.Family]
	if !ok {
		return nil, fmt.Errorf("%s: there is no such family; there are %s", c, strings.Join(slices.Sorted(maps.Keys(families)), ", "))
	}
	n, err := family(c.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return n, nil
}

// decode reads JSON; an unknown key is an error.
func decode(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("config %s: %w", text, err)
	}
	return nil
}
