package layer

import (
	"errors"
	"fmt"
)

// ErrNotMergeable is returned for plans whose edits no change of weights can express.
var ErrNotMergeable = errors.New("cannot be merged into the weights")

// Merge returns a copy of w with the plan's deltas and scales worked into the weights of their sites, in float64 and rounded once an edit. The
// parameters that the edits added are gone from it. w is untouched: going back is using it.
func Merge(w *Weights, s Sites, p *Plan) (*Weights, error) {
	out := w.Clone()
	for _, site := range s.Sites {
		for _, e := range p.bySite[site.Path] {
			var err error
			switch e := e.(type) {
			case Delta:
				err = mergeDelta(out, w, site, e)
			case Reweight:
				err = mergeReweight(out, w, site, e)
			case Scale:
				mergeScale(out, w, s, site, e)
			case Align:
				err = mergeAlign(out, w, s, site, e)
			default:
				err = fmt.Errorf("%s: %T %w", site.Path, e, ErrNotMergeable)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, q := range s.Params {
		if q.Added {
			out.Delete(q.Name)
		}
	}
	return out, nil
}

func mergeDelta(out, w *Weights, s Site, d Delta) error {
	dst := s.rows(out.Data(s.Path+".weight"), d.Slice)
	delta := d.Merged(s.values(w, d.Slice))
	if len(delta) != len(dst) {
		return fmt.Errorf("%s: delta of %d elements for a weight of %d", s.Path, len(delta), len(dst))
	}
	for i, v := range delta {
		dst[i] = float32(float64(dst[i]) + v)
	}
	return nil
}

func mergeReweight(out, w *Weights, s Site, r Reweight) error {
	dst := s.rows(out.Data(s.Path+".weight"), r.Slice)
	weight := r.Merged(dst, s.values(w, r.Slice))
	if len(weight) != len(dst) {
		return fmt.Errorf("%s: %d elements for a weight of %d", s.Path, len(weight), len(dst))
	}
	for i, v := range weight {
		dst[i] = float32(v)
	}
	return nil
}

// values gives those of an edit of the site, or of its slice.
func (s Site) values(w *Weights, slice string) Values {
	if slice != "" {
		return Values{w, s.Path + "." + slice, s.Root}
	}
	return Values{w, s.Path, s.Root}
}

// mergeScale works y' = scale * y + shift into the site's weight and bias, and x' = scale * x into the weight. The first dimension of
// both is the output channel, of gains as of matrices and kernels. A branch is scaled in the map that ends it.
func mergeScale(out, w *Weights, sites Sites, s Site, e Scale) {
	prefix := s.Path + "."
	if e.Slice != "" {
		prefix += e.Slice + "."
	}
	scale := w.Data(prefix + e.Scale)
	if s.Kind == KindBranch {
		s, _ = sites.Find(s.Last)
	}
	weight, first := out.Data(s.Path+".weight"), 0
	if e.Input {
		for i := range weight {
			weight[i] = float32(float64(weight[i]) * float64(scale[i%s.In]))
		}
		return
	}
	if e.Slice != "" {
		first = s.sliceIndex(e.Slice) * len(scale)
	}
	row := len(weight) / s.Out
	for i := range scale {
		for j := range row {
			at := (first+i)*row + j
			weight[at] = float32(float64(weight[at]) * float64(scale[i]))
		}
	}
	if !s.Bias {
		return
	}
	bias := out.Data(s.Path + ".bias")
	shift := make([]float32, s.Out)
	if e.Shift != "" {
		shift = w.Data(prefix + e.Shift)
	}
	for i := range scale {
		p := float64(bias[first+i]) * float64(scale[i])
		bias[first+i] = float32(p + float64(shift[first+i]))
	}
}
