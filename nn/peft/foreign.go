package peft

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// foreignTypes are the peft_type of the PEFT library's files that are read, and the methods that these are.
var foreignTypes = []struct {
	peftType string
	methods  []string
}{{"LORA", []string{"lora", "dora"}}, {"IA3", []string{"ia3"}}, {"VERA", []string{"vera"}}}

// Foreign are the titles of the methods whose files the PEFT library writes and Load reads.
func Foreign() (titles []string) {
	for _, t := range foreignTypes {
		for _, name := range t.methods {
			titles = append(titles, methods[name].Title)
		}
	}
	return titles
}

// foreignOptions reads the adapter_config.json of the PEFT library: LoRA and DoRA with its patterns, (IA)3, VeRA. Dropout is of training only and is
// left out: DoRA and k x k convolutions have none here.
func foreignOptions(path string) (Options, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Options{}, err
	}
	var c struct {
		Type    string         `json:"peft_type"`
		Rank    int            `json:"r"`
		Alpha   float64        `json:"lora_alpha"`
		Bias    string         `json:"bias"`
		Targets any            `json:"target_modules"`
		Ranks   map[string]any `json:"rank_pattern"`
		Alphas  map[string]any `json:"alpha_pattern"`
		RSLoRA  bool           `json:"use_rslora"`
		DoRA    bool           `json:"use_dora"`
		// of VeRA
		Initial    float64 `json:"d_initial"`
		Projection bool    `json:"save_projection"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return Options{}, fmt.Errorf("%s: %w", path, err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return Options{}, fmt.Errorf("%s: %w", path, err)
	}
	if v := all["init_lora_weights"]; v != nil && v != true && v != false && v != "gaussian" {
		return Options{}, fmt.Errorf("%s: init_lora_weights = %v: it may change the base's weights, which are not in the file; convert it with path_initial_model_for_weight_conversion", path, v)
	}
	if v, empty := all["loftq_config"].(map[string]any); all["loftq_config"] != nil && (!empty || len(v) > 0) {
		return Options{}, fmt.Errorf("%s: loftq_config = %v cannot be read: its base has other weights", path, all["loftq_config"])
	}
	for _, key := range unreadable {
		if v := all[key]; v != nil && v != false {
			return Options{}, fmt.Errorf("%s: %s = %v cannot be read", path, key, v)
		}
	}
	var types []string
	for _, t := range foreignTypes {
		types = append(types, t.peftType)
	}
	if !slices.Contains(types, c.Type) {
		return Options{}, fmt.Errorf("%s: peft_type %q of another program cannot be read, only %s", path, c.Type, strings.Join(types, ", "))
	}
	targets, list := c.Targets.([]any)
	if c.Type == "VERA" && !c.Projection {
		return Options{}, fmt.Errorf("%s: save_projection = false: the matrices are not in the file, but what torch draws; save it with them", path)
	}
	switch {
	case c.Type == "IA3":
		return Options{Method: "ia3"}, nil // the vectors must be those of its places
	case !list:
		return Options{}, fmt.Errorf("%s: target_modules must be a list", path)
	case c.Bias != "" && c.Bias != "none":
		return Options{}, fmt.Errorf("%s: bias = %q cannot be read, only none", path, c.Bias)
	}
	if c.Type == "VERA" {
		return Options{Method: "vera", Config: map[string]any{"rank": c.Rank, "d_initial": c.Initial, "targets": targets}}, nil
	}
	o := Options{Method: "lora", Config: map[string]any{
		"rank": c.Rank, "alpha": c.Alpha, "rslora": c.RSLoRA, "targets": targets,
		"rank_pattern": c.Ranks, "alpha_pattern": c.Alphas, "conv": "peft",
	}}
	if c.DoRA {
		o.Method = "dora"
		delete(o.Config, "conv")
	}
	return o, nil
}

// unreadable are the keys of the library's LoraConfig that change what it computes in ways that no method here has.
var unreadable = []string{
	"alora_invocation_tokens", "arrow_config", "exclude_modules", "fan_in_fan_out", "kasa_config", "layer_replication", "layers_pattern",
	"layers_to_transform", "lora_bias", "megatron_config", "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora",
	"use_qalora", "velora_config",
}
