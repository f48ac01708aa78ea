package stages

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// network is one on which a method acts.
type network struct {
	name  string
	part  string // which of a diffusion model's it is; "" for a classifier
	model peft.Model
}

// prepare lets the method choose what trains in each of the networks with weights w, and tells it.
func (s *finetune) prepare(r Reporter, w *layer.Weights, networks ...network) ([]*peft.Adapter, error) {
	var out []*peft.Adapter
	for _, n := range networks {
		a, err := peft.Prepare(n.model, w, s.chosen())
		if err != nil {
			return nil, s.refused(err, n, networks)
		}
		out = append(out, a)
	}
	for _, a := range out {
		for _, p := range a.Trainable {
			r.Log("trains %s %v", p.Name, p.Shape)
		}
	}
	return out, nil
}

// chosen is the method and where it acts.
func (s *finetune) chosen() peft.Options {
	return peft.Options{Method: s.Method, Config: s.Options, Mask: peft.Mask{Blocks: s.Blocks, Layers: s.Layers}}
}

// refused blames the attribute for which the method cannot act on n, one of the networks, and says what would do.
func (s *finetune) refused(err error, n network, networks []network) error {
	var masked *peft.MaskError
	var option *peft.OptionError
	switch {
	case errors.As(err, &masked):
		return wrong(masked.Part, "%s: %s: %s%s", n.name, s.Method, masked.Message, s.alone(networks))
	case errors.As(err, &option):
		return wrong("options."+option.Option, "%s: %s: %s%s", n.name, s.Method, option.Message, s.alone(networks))
	case errors.Is(err, peft.ErrNothingToTrain), errors.Is(err, peft.ErrUnfit):
		return wrong("method", "%s: %v; %s%s", n.name, err, fitting(networks), s.alone(networks))
	}
	return fmt.Errorf("%s: %w", n.name, err)
}

// alone names those of several networks on which the method can act as it is chosen.
func (s *finetune) alone(networks []network) string {
	if len(networks) == 1 {
		return ""
	}
	hint := ""
	for _, n := range networks {
		if _, err := peft.Prepare(n.model, layer.NewWeights(0), s.chosen()); err == nil {
			hint += fmt.Sprintf("; as it is it fits parts = [%q] alone", n.part)
		}
	}
	return hint
}

// fitting says which methods train something on every one of the networks.
func fitting(networks []network) string {
	names := peft.Names()
	for _, n := range networks {
		rows, err := peft.Support(n.model, names)
		if err != nil {
			return err.Error()
		}
		names = nil
		for _, row := range rows {
			if row.Refused == "" {
				names = append(names, row.Method)
			}
		}
	}
	return "methods that fit " + map[bool]string{true: "both parts", false: "it"}[len(networks) > 1] + ": " + strings.Join(names, ", ")
}
