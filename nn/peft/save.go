package peft

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// The files of a saved adapter, named as the PEFT library names them.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

// recordVersion is the version of the record in the weights' metadata.
const recordVersion = 1

// adapterRecord is what Load needs beside the tensors. It stands under "pipe" in the metadata of the safetensors file, because the PEFT library
// takes keys that it does not know in adapter_config.json for mistakes.
type adapterRecord struct {
	Version int            `json:"version"`
	Method  string         `json:"method"`
	Config  map[string]any `json:"config"`
	Blocks  []int          `json:"blocks"`
	Layers  []string       `json:"layers,omitempty"`
}

// Layout is implemented by configs whose delta has a layout of its own in files; the others keep the parameters' names.
type Layout interface {
	// Pack turns parameters, those of w, into the file's tensors, and adds its keys to adapter_config.json.
	Pack(s layer.Sites, w *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error)
	// Unpack is the inverse. Tensors it does not know stay as they are; w holds the base.
	Unpack(s layer.Sites, w *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error)
}

// Delta lists the names of what fine-tuning changes, sorted: the trained parameters, and the running statistics where they move. The constants
// of an edit follow from the base.
func (a *Adapter) Delta() []string {
	var names []string
	for _, p := range a.Trainable {
		names = append(names, p.Name)
	}
	for _, p := range a.Sites.Params {
		if p.Buffer && !p.Constant && (p.Added || a.Plan.Updates(p.Name[:max(0, strings.LastIndex(p.Name, "."))])) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Save writes the delta to dir. The bytes depend on the adapter and the weights only.
func (a *Adapter) Save(dir string, w *layer.Weights) error {
	tensors := checkpoint.FromWeights(w, a.Delta())
	config := map[string]any{"peft_type": a.Method.PEFTType, "modules_to_save": a.head()}
	for k, v := range Values(a.Config) {
		config[k] = v
	}
	if l, ok := a.Config.(Layout); ok {
		config = map[string]any{"peft_type": a.Method.PEFTType, "modules_to_save": a.head()}
		var err error
		if tensors, err = l.Pack(a.Sites, w, tensors, config); err != nil {
			return fmt.Errorf("save adapter: %w", err)
		}
	}
	if isCLIPText(a.Sites) {
		tensors = withoutRoot(tensors, config)
	}
	rec, err := json.Marshal(adapterRecord{recordVersion, a.Method.Name, Values(a.Config), a.Mask.Blocks, a.Mask.Layers})
	if err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	return checkpoint.Write(filepath.Join(dir, WeightsFile), tensors, map[string]string{"format": "pt", "pipe": string(rec)})
}

// head lists the modules of the head, in order of computation.
func (a *Adapter) head() []string {
	out := []string{}
	for _, p := range a.Sites.Params {
		if m := p.Name[:max(0, strings.LastIndex(p.Name, "."))]; p.Head && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// Load prepares the adapter saved in dir for the network and sets its delta in w, which holds the base. A tensor that is
// missing, unexpected or of the wrong shape is an error that lists them all, and leaves w as it was. The PEFT library's of the methods that
// Foreign lists load too.
func Load(dir string, model Model, w *layer.Weights) (*Adapter, error) {
	return load(dir, model, w, true)
}

// LoadBody does the same with an adapter that brings no head, as the PEFT library saves one without modules_to_save: w holds the head too.
func LoadBody(dir string, model Model, w *layer.Weights) (*Adapter, error) {
	return load(dir, model, w, false)
}

func load(dir string, model Model, w *layer.Weights, head bool) (*Adapter, error) {
	a, err := read(dir, model, w, head)
	if err != nil {
		return nil, fmt.Errorf("load adapter %s: %w", dir, err)
	}
	return a, nil
}

// Shapes are those of the tensors of the adapter saved in dir; names are without the PEFT library's prefix.
func Shapes(dir string) (map[string][]int, error) {
	tensors, _, err := openAdapter(dir)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	shapes := map[string][]int{}
	for name, t := range tensors {
		shapes[strings.TrimPrefix(name, peftPrefix)] = t.Shape
	}
	return shapes, nil
}

func read(dir string, model Model, w *layer.Weights, head bool) (*Adapter, error) {
	tensors, meta, err := openAdapter(dir)
	if err != nil {
		return nil, err
	}
	var o Options
	if text, ok := meta["pipe"]; ok {
		var rec adapterRecord
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			return nil, err
		}
		if rec.Version != recordVersion {
			return nil, fmt.Errorf("its record has version %d, this program reads %d", rec.Version, recordVersion)
		}
		o = Options{Method: rec.Method, Config: rec.Config, Mask: Mask{rec.Blocks, rec.Layers}}
	} else if o, err = foreignOptions(filepath.Join(dir, ConfigFile), tensors); err != nil {
		return nil, err
	}
	a, err := Prepare(model, w, o)
	if err != nil {
		return nil, err
	}
	if isCLIPText(a.Sites) {
		tensors = withRoot(tensors)
	}
	if l, ok := a.Config.(Layout); ok {
		if tensors, err = l.Unpack(a.Sites, w, tensors); err != nil {
			return nil, err
		}
	}
	names := a.Delta()
	if !head {
		names = slices.DeleteFunc(names, func(name string) bool {
			return slices.ContainsFunc(a.Sites.Params, func(p layer.Param) bool { return p.Head && p.Name == name })
		})
	}
	_, err = checkpoint.Load(w, tensors, checkpoint.LoadOptions{Names: names})
	return a, err
}
