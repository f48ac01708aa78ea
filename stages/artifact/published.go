package artifact

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/model"
)

// publishedConfig is what is read of the config.json of somebody else's weights. timm writes architecture and
// pretrained_cfg; the other fields tell whose it is instead.
type publishedConfig struct {
	Architecture  string                     `json:"architecture"`
	GlobalPool    string                     `json:"global_pool"`
	ModelArgs     map[string]json.RawMessage `json:"model_args"`
	PretrainedCfg struct {
		Tag           string    `json:"tag"`        // of the weights: the model is ARCHITECTURE.TAG
		InputSize     []int     `json:"input_size"` // channels, height, width
		Mean          []float32 `json:"mean"`
		Std           []float32 `json:"std"`
		CropPct       float64   `json:"crop_pct"`
		Interpolation string    `json:"interpolation"`
	} `json:"pretrained_cfg"`

	transformersConfig
	ClassName string `json:"_class_name"` // of diffusers
}

// parsePublished reads the config.json of published weights; architecture is what the user calls them, or "". It returns the model
// without classes, and what to tell about its images.
func parsePublished(raw []byte, architecture string) (info ModelInfo, note string, err error) {
	var c publishedConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return info, "", err
	}
	switch {
	case c.ClassName != "":
		return info, "", fmt.Errorf("it is diffusers' %s, a part of a diffusion model: give the folder that holds model_index.json", c.ClassName)
	case c.ModelType != "" && c.Architecture == "":
		return info, "", c.refused()
	case c.Architecture == "" && architecture == "":
		return info, "", errors.New("it names no architecture: write architecture = NAME")
	case architecture != "" && c.Architecture != "" && !spelled(architecture, c.Architecture):
		return info, "", fmt.Errorf("it is a %s, not a %s: leave architecture out", c.Architecture, architecture)
	}
	p := c.PretrainedCfg
	names := []string{architecture}
	if architecture == "" {
		names = []string{c.Architecture + "." + p.Tag, c.Architecture}
	}
	if info, err = classifierInfo(c.GlobalPool, names...); err != nil {
		return info, "", err
	}
	if s := p.InputSize; s != nil {
		if len(s) != 3 || s[1] != s[2] {
			return info, "", fmt.Errorf("input_size %v is not channels and two equal sides", s)
		}
		info.Channels, info.Size = s[0], s[1]
	}
	if err := applyArgs(&info, c.ModelArgs); err != nil {
		return info, "", err
	}
	if info.Channels < 1 || info.Size < 1 {
		return info, "", fmt.Errorf("images of %d pixels and %d channels", info.Size, info.Channels)
	}
	if p.Mean != nil || p.Std != nil {
		info.Mean, info.Std = p.Mean, p.Std
	}
	if len(info.Mean) != info.Channels || len(info.Std) != info.Channels || slices.ContainsFunc(info.Std, func(s float32) bool { return !(s > 0) }) {
		return info, "", fmt.Errorf("mean %v and std %v for %d channels", info.Mean, info.Std, info.Channels)
	}
	if p.CropPct > 0 && p.CropPct != 1 || p.Interpolation != "" {
		note = fmt.Sprintf("trained on images of %d pixels, cropped to %g of them after %s resizing", info.Size, p.CropPct, p.Interpolation)
	}
	return info, note, nil
}

// spelled tells whether the user's name is another one for what config.json calls the network: with the tag of the weights, or with the GELU that
// OpenAI trained CLIP with, which timm reads from the same repository.
func spelled(architecture, published string) bool {
	return strings.Replace(architecture, "_clip_quickgelu_", "_clip_", 1) == published || strings.HasPrefix(architecture, published+".")
}

// applyArgs takes over the arguments that timm notes where a network was made with others than its name's: they may change its
// images and classes, and nothing else.
func applyArgs(info *ModelInfo, args map[string]json.RawMessage) error {
	var unknown []string
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(args)) {
		raw, err := args[name], error(nil)
		switch name {
		case "num_classes": // the head is another one anyway
		case "in_chans":
			err = json.Unmarshal(raw, &info.Channels)
		case "img_size":
			var sides []int
			if err = json.Unmarshal(raw, &sides); err != nil {
				err = json.Unmarshal(raw, &info.Size)
			} else if len(sides) == 2 && sides[0] == sides[1] {
				info.Size = sides[0]
			} else {
				err = errors.New("its sides are not equal")
			}
		case "global_pool":
			var pool string
			if err = json.Unmarshal(raw, &pool); err == nil {
				err = info.pool(pool)
			}
		default:
			unknown = append(unknown, name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("model_args: %s %s: %w", name, raw, err))
		}
	}
	if len(unknown) > 0 {
		errs = append(errs, fmt.Errorf("its model_args change the %s in ways that are not known here (%s): give weights of a network of pipe docs models",
			info.Architecture, strings.Join(unknown, ", ")))
	}
	return errors.Join(errs...)
}

// classifierInfo is what the first of the named networks expects that is known, where the folder of its weights does not say
// otherwise. pool is how it pools its features; "": as its name says.
func classifierInfo(pool string, names ...string) (ModelInfo, error) {
	var v model.Variant
	var err error
	for _, name := range names {
		if v, err = model.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return ModelInfo{}, err
	}
	info := ModelInfo{Architecture: v.Name, Task: TaskClassifier, Input: v.Input}
	return info, info.pool(pool)
}

// pool sets how the network pools its features, if that is not as its name says.
func (i *ModelInfo) pool(pool string) error {
	v, err := model.Lookup(i.Architecture)
	if err != nil {
		return err
	}
	m, err := v.New(model.Options{GlobalPool: pool})
	if err != nil {
		return err
	}
	usual, err := v.New(model.Options{})
	if err != nil {
		return err
	}
	i.GlobalPool = ""
	if m.Pool() != usual.Pool() {
		i.GlobalPool = pool
	}
	return nil
}

// openPublished opens weights as others publish them: a file, or a folder with safetensors under the names of timm or
// torchvision. Their config.json, or the user, says which architecture they are of.
func openPublished(path, architecture string) (*Backbone, error) {
	archive, err := checkpoint.OpenArchive(path)
	if err != nil {
		return nil, err
	}
	b := &Backbone{archive: archive, tensors: archive.Tensors, files: archive.Files}
	config := filepath.Join(path, modelFile)
	raw, err := os.ReadFile(config)
	switch {
	case err == nil:
		var note string
		if b.Info, note, err = parsePublished(raw, architecture); err != nil {
			err = fmt.Errorf("%s: %w", config, err)
		}
		if note != "" {
			b.notes = append(b.notes, note)
		}
		b.files = append(b.files, config)
	case architecture == "" && fileExists(filepath.Join(filepath.Dir(path), modelFile)):
		err = fmt.Errorf("%s: the %s beside it says which network these weights are of: give the folder, %s", path, modelFile, filepath.Dir(path))
	case architecture == "":
		err = fmt.Errorf("%s: no %s says which network these weights are of: write architecture = NAME (see pipe docs models)", path, modelFile)
	default:
		b.Info, err = classifierInfo("", architecture)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.tensors = respelled(b.Info.Architecture, b.tensors)
	return b, nil
}

// respelled are a file's tensors under the names that the network has here.
func respelled(architecture string, tensors map[string]checkpoint.Tensor) map[string]checkpoint.Tensor {
	if strings.HasPrefix(architecture, "densenet") {
		return checkpoint.DenseNetFromTorchvision(tensors)
	}
	return tensors
}

// loading are the exceptions from strictness in loading a classifier under a new head: what PyTorch counts beside its norms
// is not read, and positions are resampled where the size of the images is another one.
func loading(head []string) checkpoint.LoadOptions {
	return checkpoint.LoadOptions{Fresh: head, Ignore: []string{"*.num_batches_tracked"}, Positions: []string{"pos_embed"}}
}

// replaced tells which of the tensors in a file the new head of c stands for.
func replaced(tensors map[string]checkpoint.Tensor, c *Classifier) (list []string, err error) {
	head, err := c.head()
	for _, name := range slices.Sorted(slices.Values(head)) {
		if t, ok := tensors[name]; ok {
			list = append(list, fmt.Sprintf("%s %v is replaced by a new one for %d classes, %v", name, t.Shape, c.Model.Classes(), c.Weights.Shape(name)))
		}
	}
	return list, err
}

// resampled tells which weights loading made others of.
func resampled(rep checkpoint.LoadReport) (list []string) {
	for _, a := range rep.Adapted {
		list = append(list, a+": resampled to the size of the images")
	}
	return list
}
