package checkpoint

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
)

// LoadOptions are the exceptions from strictness. Patterns are those of path.Match.
type LoadOptions struct {
	// Names are the parameters to load; nil: all of the network's. A tensor of another name is unexpected.
	Names []string
	// Fresh patterns name parameters of the network that keep their initial values, such as a replaced head. Tensors
	// of those names in the file are not used.
	Fresh []string
	// Ignore patterns name tensors that the network has no use for, such as "*.num_batches_tracked".
	Ignore []string
	// Channels patterns name convolutions whose number of input channels may be changed, Positions patterns position embeddings whose
	// grid may be resampled.
	Channels, Positions []string
}

// LoadReport says what the exceptions let through, sorted.
type LoadReport struct {
	Fresh   []string // parameters left at their initial values
	Ignored []string // tensors not used
	Adapted []string // parameters changed in shape: "name [from] -> [to]"
}

// Load sets the parameters and buffers that a network declared in w from tensors. Nothing is set unless all is well. What keeps
// its shape stays where it lies, so the tensors must not change, nor their archive be closed, while w is used.
func Load(w *layer.Weights, tensors map[string]Tensor, o LoadOptions) (LoadReport, error) {
	var rep LoadReport
	var missing, unexpected, misshaped []string
	values := map[string]layer.View{}
	wanted := o.Names
	if wanted == nil {
		wanted = w.Names()
	}
	has := map[string]bool{}
	for _, n := range wanted {
		has[n] = true
		t, ok := tensors[n]
		switch {
		case matches(o.Fresh, n):
			rep.Fresh = append(rep.Fresh, n)
		case !ok:
			missing = append(missing, n)
		default:
			fitted, err := o.fit(n, t, w.Shape(n), &rep)
			if err != nil {
				misshaped = append(misshaped, fmt.Sprintf("%s (%v)", n, err))
				continue
			}
			v, err := fitted.View()
			if err != nil {
				misshaped = append(misshaped, fmt.Sprintf("%s (%v)", n, err))
			}
			values[n] = v
		}
	}
	for n := range tensors {
		switch {
		case has[n] && !matches(o.Fresh, n):
		case has[n], matches(o.Ignore, n):
			rep.Ignored = append(rep.Ignored, n)
		default:
			unexpected = append(unexpected, n)
		}
	}
	sort.Strings(rep.Ignored)
	sort.Strings(unexpected)
	var faults []string
	for _, f := range []struct {
		what  string
		names []string
	}{{"missing", missing}, {"unexpected", unexpected}, {"of wrong shape or type", misshaped}} {
		if len(f.names) > 0 {
			faults = append(faults, fmt.Sprintf("%d %s: %s", len(f.names), f.what, few(f.names)))
		}
	}
	if len(faults) > 0 {
		return LoadReport{}, fmt.Errorf("weights do not fit the network: %s", strings.Join(faults, "; "))
	}
	for _, n := range wanted {
		if v, ok := values[n]; ok {
			if err := w.SetView(n, w.Shape(n), v); err != nil {
				return LoadReport{}, err
			}
		}
	}
	return rep, nil
}

// fit returns t in the shape the network wants, noting a change in the report.
func (o LoadOptions) fit(name string, t Tensor, want []int, rep *LoadReport) (Tensor, error) {
	if slices.Equal(t.Shape, want) {
		return t, nil
	}
	out, done, err := o.adapt(name, t, want)
	if err == nil && !done {
		err = fmt.Errorf("file %v, network %v", t.Shape, want)
	}
	if err != nil {
		return t, err
	}
	rep.Adapted = append(rep.Adapted, fmt.Sprintf("%s %v -> %v", name, t.Shape, want))
	return out, nil
}

// FromWeights returns the named parameters as tensors.
func FromWeights(w *layer.Weights, names []string) map[string]Tensor {
	out := make(map[string]Tensor, len(names))
	for _, n := range names {
		out[n] = FromFloat32(w.Shape(n), w.Read(n))
	}
	return out
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return err == nil && ok
	})
}

// few lists the first names.
func few(names []string) string {
	const shown = 5
	list := strings.Join(names[:min(shown, len(names))], ", ")
	if more := len(names) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}
