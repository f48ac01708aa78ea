package peft

import (
	"encoding/json"
	"fmt"
	"os"
)

// foreignOptions reads the adapter_config.json of the PEFT library: LoRA and DoRA with its patterns, (IA)3.
func foreignOptions(path string) (Options, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Options{}, err
	}
	var c struct {
		Type    string         `json:"peft_type"`
		Rank    int            `json:"r"`
		Alpha   float64        `json:"lora_alpha"`
		Dropout float64        `json:"lora_dropout"`
		Bias    string         `json:"bias"`
		Targets any            `json:"target_modules"`
		Ranks   map[string]any `json:"rank_pattern"`
		Alphas  map[string]any `json:"alpha_pattern"`
		RSLoRA  bool           `json:"use_rslora"`
		DoRA    bool           `json:"use_dora"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return Options{}, fmt.Errorf("%s: %w", path, err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return Options{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range unreadable {
		if v := all[key]; v != nil && v != false {
			return Options{}, fmt.Errorf("%s: %s = %v cannot be read", path, key, v)
		}
	}
	targets, list := c.Targets.([]any)
	switch {
	case c.Type == "IA3":
		return Options{Method: "ia3"}, nil // the vectors must be those of its places
	case c.Type != "LORA":
		return Options{}, fmt.Errorf("%s: peft_type %q of another program cannot be read, only LORA and IA3", path, c.Type)
	case !list:
		return Options{}, fmt.Errorf("%s: target_modules must be a list", path)
	case c.Bias != "" && c.Bias != "none":
		return Options{}, fmt.Errorf("%s: bias = %q cannot be read, only none", path, c.Bias)
	}
	o := Options{Method: "lora", Config: map[string]any{
		"rank": c.Rank, "alpha": c.Alpha, "rslora": c.RSLoRA, "dropout": c.Dropout, "targets": targets,
		"rank_pattern": c.Ranks, "alpha_pattern": c.Alphas, "conv": "peft",
	}}
	if c.DoRA {
		o.Method = "dora"
		delete(o.Config, "conv")
		delete(o.Config, "dropout") // of training only, and DoRA has none here
	}
	return o, nil
}

// unreadable are the keys of the library's LoraConfig that change what it computes in ways that no method here has.
var unreadable = []string{
	"alora_invocation_tokens", "arrow_config", "exclude_modules", "fan_in_fan_out", "kasa_config", "layer_replication", "layers_pattern",
	"layers_to_transform", "lora_bias", "megatron_config", "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora",
	"use_qalora", "velora_config",
}
