package view

import (
	"encoding/json"
	"strings"
)

// positions names some addresses of one stage by the values that all have, and * for the others:
// train.m["lora",*,*]. It needs no graph, which what is recorded of a run does not have.
func positions(addresses []string) string {
	stage, rest, _ := strings.Cut(addresses[0], "[")
	if len(addresses) == 1 || rest == "" {
		return addresses[0]
	}
	var shared []json.RawMessage
	for i, address := range addresses {
		_, list, _ := strings.Cut(address, "[")
		var values []json.RawMessage
		if json.Unmarshal([]byte("["+list), &values) != nil || i > 0 && len(values) != len(shared) {
			return stage + "[*]"
		}
		if i == 0 {
			shared = values
			continue
		}
		for j := range shared {
			if string(shared[j]) != string(values[j]) {
				shared[j] = json.RawMessage("*")
			}
		}
	}
	texts := make([]string, len(shared))
	fixed := false
	for i, v := range shared {
		texts[i] = string(v)
		fixed = fixed || texts[i] != "*"
	}
	if !fixed {
		return stage + "[*]"
	}
	return stage + "[" + strings.Join(texts, ",") + "]"
}
