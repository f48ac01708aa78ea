package peft_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// edited prepares SSF on the backbone with its edits changed: a method with a mistake.
func edited(t *testing.T, n backbone, change func(i int, e *layer.Scale)) (*peft.Adapter, *layer.Weights) {
	t.Helper()
	a, err := peft.Prepare(n.model(nil, nil), layer.NewWeights(1), peft.Options{Method: "ssf"})
	check(t, err)
	w := layer.NewWeights(1)
	b := builder(w)
	n.model(nil, nil)(b)
	body := b.Sites()
	body.Sites = slices.DeleteFunc(body.Sites, func(s layer.Site) bool { return s.Head })
	edits, err := a.Config.Apply(body)
	check(t, err)
	for i := range edits {
		e := edits[i].(layer.Scale)
		change(i, &e)
		edits[i] = e
	}
	a.Plan, err = layer.NewPlan(b.Sites(), edits, layer.FrozenStatistics)
	check(t, err)
	declared := layer.NewBuilder(gorgonia.NewGraph(), w, a.Plan)
	n.model(nil, nil)(declared)
	a.Sites = declared.Sites()
	return a, w
}

func TestSSFThatBeginsOffTheIdentityIsRefused(t *testing.T) {
	for _, n := range backbones {
		for _, c := range []struct {
			name, want string
			change     func(i int, e *layer.Scale)
		}{
			{"as it is", "", func(int, *layer.Scale) {}},
			{"scale around 1.001", "every bit", func(_ int, e *layer.Scale) { e.ScaleInit = layer.Normal(1.001, .02) }},
			{"scale 1.001", "every bit", func(_ int, e *layer.Scale) { e.ScaleInit = layer.Const(1.001) }},
			{"shift around 0.001", "every bit", func(_ int, e *layer.Scale) { e.ShiftInit = layer.Normal(.001, .02) }},
			{"shift 0.001", "every bit", func(_ int, e *layer.Scale) { e.ShiftInit = layer.Const(.001) }},
			{"one scale around 1.001", "every bit", func(i int, e *layer.Scale) {
				if i == 1 {
					e.ScaleInit = layer.Normal(1.001, .02)
				}
			}},
			{"one shift around 0.001", "every bit", func(i int, e *layer.Scale) {
				if i == 1 {
					e.ShiftInit = layer.Normal(.001, .02)
				}
			}},
			{"twice the noise", "begin with a noise of", func(_ int, e *layer.Scale) {
				e.ScaleInit, e.ShiftInit = layer.Normal(1, .04), layer.Normal(0, .04)
			}},
			{"no noise", "begin with a noise of 0", func(_ int, e *layer.Scale) { e.ScaleInit, e.ShiftInit = layer.Ones, layer.Zeros }},
		} {
			a, w := edited(t, n, c.change)
			_, err := a.ProveStep0(w, outputs(t, n))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s on %s: %v, want %q", c.name, n.name, err, c.want)
			}
		}
	}
}

// answers gives the plan's output where there is a plan, else the other's.
func answers(without, with []float32) peft.Output {
	return func(_ *layer.Weights, plan *layer.Plan) ([]float32, error) {
		if plan == nil {
			return without, nil
		}
		return with, nil
	}
}

func TestProofsCanFail(t *testing.T) {
	x, next, off := []float32{1, 2}, []float32{1, 2.0000002}, []float32{1, 2.01}
	for _, c := range []struct {
		method string
		y      []float32
		ok     bool
	}{{"lora", x, true}, {"lora", next, false}, {"ssf", x, true}, {"ssf", next, false}, {"vpt", next, true}, {"vpt", x, false}} {
		w := layer.NewWeights(1)
		a, err := peft.Prepare(backbones[0].model(nil, nil), w, peft.Options{Method: c.method})
		check(t, err)
		if _, err := a.ProveStep0(w, answers(x, c.y)); (err == nil) != c.ok {
			t.Errorf("%s with output %v: %v", c.method, c.y, err)
		}
		if c.method != "lora" {
			continue
		}
		nan := float32(math.NaN())
		for _, c := range []struct {
			merged, adapted []float32
			unmerged        bool // or else the adapted network is at fault
		}{{x, off, true}, {[]float32{nan, 2}, x, true}, {x, []float32{nan, 2}, false}} {
			if _, err := a.ProveMerge(w, answers(c.merged, c.adapted)); err == nil || errors.Is(err, peft.ErrUnmerged) != c.unmerged {
				t.Errorf("merged %v, adapted %v: %v", c.merged, c.adapted, err)
			}
		}
		for _, y := range [][]float32{next, {1, 2.0001}} { // a training is not lost for what is worth a warning
			if _, err := a.ProveMerge(w, answers(x, y)); err != nil {
				t.Error(err)
			}
		}
	}
}
