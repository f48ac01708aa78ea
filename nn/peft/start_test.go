package peft_test

import (
	"math"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestParametersStartAsDocumented: all that a method adds to the ViT's blocks, by the end of its name. Of many draws the largest comes close to the bound of a
// uniform distribution, and their root mean square to its root of 1/3 or to a standard deviation.
func TestParametersStartAsDocumented(t *testing.T) {
	uniform := func(bound float64) [2]float64 { return [2]float64{bound / math.Sqrt(3), bound} }
	normal := func(std float64) [2]float64 { return [2]float64{std, 5 * std} }
	zero := [2]float64{0, 0}
	for _, c := range []struct {
		method string
		config map[string]any
		starts map[string][2]float64 // root mean square, and what none exceeds
	}{
		{"vera", map[string]any{"rank": 150, "d_initial": .3, "targets": []any{"qkv", "fc1", "fc2"}}, map[string][2]float64{ // A has 20 columns, B 36 rows
			"shared.vera_A": uniform(math.Sqrt(6. / 20)), "shared.vera_B": uniform(math.Sqrt(6. / 150)), "vera_lambda_d": {.3, .3 + 1e-7}, "vera_lambda_b": zero,
		}},
		{"lora", map[string]any{"rank": 150}, map[string][2]float64{"lora_A.weight": uniform(1 / math.Sqrt(12)), "lora_B.weight": zero}},
		{"adapter", map[string]any{"bottleneck": 150}, map[string][2]float64{
			"down.weight": {.88e-3, 2e-3}, "up.weight": {.88e-3, 2e-3}, "down.bias": zero, "up.bias": zero, // a normal one that is cut at two deviations has .88 of it
		}},
		{"compacter", map[string]any{"bottleneck": 240, "division": 12}, map[string][2]float64{
			"shared.phm_rule": normal(.01), "down_sampler.W_left": uniform(math.Sqrt(12. / 2)), "down_sampler.W_right": uniform(math.Sqrt(12. / 21)),
			"up_sampler.W_left": uniform(math.Sqrt(12. / 21)), "up_sampler.W_right": uniform(math.Sqrt(12. / 2)), "sampler.b": zero,
		}},
		{"krona", map[string]any{"factor": 12}, map[string][2]float64{"krona_a": uniform(1 / math.Sqrt(12)), "krona_b": zero}},
		{"kadaptation", map[string]any{"division": 6, "rank": 40}, map[string][2]float64{
			"_q_left": uniform(.01), "_q_right": uniform(.01), "_v_left": uniform(.01), "_v_right": uniform(.01),
			"kadaptation_left": uniform(math.Sqrt(6. / (2*40 + 6*40))), "kadaptation_right": zero,
		}},
		{"prefix", map[string]any{"tokens": 40}, map[string][2]float64{"prefix_key": normal(.02), "prefix_value": normal(.02)}},
	} {
		w := layer.NewWeights(1)
		a, err := peft.Prepare(backbones[0].model(nil, nil), w, peft.Options{Method: c.method, Config: c.config})
		check(t, err)
		square, largest, count := map[string]float64{}, map[string]float64{}, map[string]int{}
		for _, p := range a.Sites.Params {
			if !p.Added {
				continue
			}
			end := ""
			for e := range c.starts {
				if strings.HasSuffix(p.Name, e) {
					end = e
				}
			}
			if end == "" {
				t.Errorf("%s: nothing is said of %s", c.method, p.Name)
			}
			for _, v := range w.Read(p.Name) {
				square[end] += float64(v) * float64(v)
				largest[end] = max(largest[end], math.Abs(float64(v)))
				count[end]++
			}
		}
		for end, want := range c.starts {
			rms := math.Sqrt(square[end] / float64(count[end]))
			if n := float64(count[end]); n == 0 || math.Abs(rms-want[0]) > 2/math.Sqrt(n)*want[0] || largest[end] > want[1] {
				t.Errorf("%s: %d of %s have root mean square %.4g and largest %.4g, want %.4g and up to %.4g", c.method, count[end], end, rms, largest[end], want[0], want[1])
			}
		}
	}
}
