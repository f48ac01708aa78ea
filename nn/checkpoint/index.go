package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// parseIndex reads a .safetensors.index.json: {"metadata": {...}, "weight_map": {TENSOR: FILE}} (huggingface/transformers).
// Files lie beside the index.
func parseIndex(raw []byte) (weightMap map[string]string, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	err = object(dec, func(key string) error {
		if key != "weight_map" {
			return dec.Decode(new(json.RawMessage))
		}
		if weightMap != nil {
			return errors.New("weight_map occurs twice")
		}
		weightMap = map[string]string{}
		return object(dec, func(tensor string) error {
			var file string
			if err := dec.Decode(&file); err != nil {
				return fmt.Errorf("%s: %w", tensor, err)
			}
			if _, ok := weightMap[tensor]; ok {
				return fmt.Errorf("%s occurs twice", tensor)
			}
			if file == "" || filepath.Base(file) != file || !filepath.IsLocal(file) {
				return fmt.Errorf("%s lies in %q, which is no file beside the index", tensor, file)
			}
			weightMap[tensor] = file
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if rest := bytes.TrimSpace(raw[dec.InputOffset():]); len(rest) > 0 {
		return nil, errors.New("text behind the object")
	}
	if len(weightMap) == 0 {
		return nil, errors.New(`no weight_map: not an index of shards`)
	}
	return weightMap, nil
}

// object reads a JSON object token by token, since a map would hide duplicate names; value reads what a name stands for.
func object(dec *json.Decoder, value func(name string) error) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return fmt.Errorf("unexpected %v", t)
		}
		if err := value(name); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// addShards takes in the tensors of the shards that an index lists. The index and the files must agree tensor by tensor.
func (a *Archive) addShards(index string) error {
	raw, err := os.ReadFile(index)
	if err != nil {
		return err
	}
	where, err := parseIndex(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", index, err)
	}
	a.Files = append(a.Files, index)
	var shards []string
	for _, file := range where {
		if !slices.Contains(shards, file) {
			shards = append(shards, file)
		}
	}
	sort.Strings(shards)
	dir := filepath.Dir(index)
	if i := slices.IndexFunc(shards, IsPickle); i >= 0 {
		for i := range shards {
			shards[i] = filepath.Join(dir, shards[i])
		}
		return &PickleError{Files: shards}
	}
	var faults []string
	for _, shard := range shards {
		names, err := a.add(filepath.Join(dir, shard))
		if errors.Is(err, os.ErrNotExist) {
			faults = append(faults, fmt.Sprintf("there is no %s", shard))
			continue
		} else if err != nil {
			return err
		}
		for _, n := range names {
			switch listed, ok := where[n]; {
			case !ok:
				faults = append(faults, fmt.Sprintf("%s in %s is not listed", n, shard))
			case listed != shard:
				faults = append(faults, fmt.Sprintf("%s is in %s, listed for %s", n, shard, listed))
			}
		}
		for _, n := range sortedNames(where) {
			if _, found := slices.BinarySearch(names, n); where[n] == shard && !found {
				faults = append(faults, fmt.Sprintf("%s is not in %s", n, shard))
			}
		}
	}
	if len(faults) > 0 {
		const shown = 8
		list := strings.Join(faults[:min(shown, len(faults))], "; ")
		if more := len(faults) - shown; more > 0 {
			list += fmt.Sprintf("; and %d more", more)
		}
		return fmt.Errorf("%s does not fit its shards, download them together again: %s", index, list)
	}
	return nil
}
