package dag

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
)

// manifestSchema changes when the meaning of a manifest does, so that old keys are never matched.
const manifestSchema = 1

// Manifest is all that an action reads, and the only thing its worker is told. Its canonical JSON is stored
// as a blob, and the blob's hash is the key.
type Manifest struct {
	Schema      int               `json:"schema"`
	Type        string            `json:"type"`
	Version     int               `json:"version"`
	Config      map[string]any    `json:"config"`
	Inputs      []ManifestInput   `json:"inputs"`
	Outputs     map[string]string `json:"outputs"`     // name -> file name
	Code        map[string]string `json:"code"`        // path -> digest
	Environment map[string]string `json:"environment"` // probe command -> what it printed
	Salt        string            `json:"salt"`
}

// ManifestInput is one input: a file or folder, or the list of what a group gathers.
type ManifestInput struct {
	Name   string `json:"name"`
	Digest Digest `json:"digest"`          // of the content; of the list, for a group
	As     string `json:"as"`              // last element of the path that the stage sees
	Group  bool   `json:"group,omitempty"` // Digest is that of a blob holding []ManifestMember
}

// ManifestMember is one element of a group's list. The list is a blob of its own, so that m readers of n
// members cost n+m and not n*m.
type ManifestMember struct {
	Axes   []Axis `json:"axes"`
	Digest Digest `json:"digest"`
	As     string `json:"as"`
}

// canonical are the bytes that are stored, and their hash, which is the key.
func (m *Manifest) canonical() (raw []byte, key string, err error) {
	inputs := make([]any, len(m.Inputs))
	for i, in := range m.Inputs {
		o := map[string]any{"name": in.Name, "digest": string(in.Digest), "as": in.As}
		if in.Group {
			o["group"] = true
		}
		inputs[i] = o
	}
	raw, err = Canonical(map[string]any{
		"schema": m.Schema, "type": m.Type, "version": m.Version, "config": m.Config, "inputs": inputs,
		"outputs": anyMap(m.Outputs), "code": anyMap(m.Code), "environment": anyMap(m.Environment), "salt": m.Salt,
	})
	if err != nil {
		return nil, "", fmt.Errorf("config: %w", err)
	}
	return raw, hashBytes(raw), nil
}

func anyMap(m map[string]string) map[string]any {
	o := make(map[string]any, len(m))
	for k, v := range m {
		o[k] = v
	}
	return o
}

// canonicalMembers are the bytes of a group's list and its digest.
func canonicalMembers(members []ManifestMember) ([]byte, Digest, error) {
	list := make([]any, len(members))
	for i, m := range members {
		axes := make([]any, len(m.Axes))
		for j, a := range m.Axes {
			axes[j] = map[string]any{"name": a.Name, "value": a.Value}
		}
		list[i] = map[string]any{"axes": axes, "digest": string(m.Digest), "as": m.As}
	}
	raw, err := Canonical(list)
	if err != nil {
		return nil, "", fmt.Errorf("axes: %w", err)
	}
	return raw, Digest(filePrefix + hashBytes(raw)), nil
}

// decodeManifest reads what canonical wrote. Numbers of the config stay json.Number.
func decodeManifest(raw []byte) (*Manifest, error) {
	var shell struct {
		Manifest
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(raw, &shell); err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	config, err := decodeJSON(shell.Config)
	if err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	m := shell.Manifest
	m.Config, _ = config.(map[string]any)
	return &m, nil
}

// request is what the worker is told, but for the paths of its inputs. It is made of the manifest alone, with
// the address (a name for messages) and the number of threads (which changes no result).
func (m *Manifest) request(n *Node, workDir string, threads int) (Request, error) {
	config, err := Canonical(m.Config)
	if err != nil {
		return Request{}, fmt.Errorf("config: %w", err)
	}
	outputs := make(map[string]string, len(m.Outputs))
	for name, file := range m.Outputs {
		outputs[name] = path.Join(workDir, "outputs", file)
	}
	return Request{
		Address: n.Address, Type: m.Type, Version: m.Version, Config: config,
		Inputs: make(map[string]InputPaths, len(m.Inputs)), Outputs: outputs, WorkDir: workDir, Root: n.Root, Threads: threads,
	}, nil
}

// outputNames are the declared outputs, sorted.
func (m *Manifest) outputNames() []string { return slices.Sorted(maps.Keys(m.Outputs)) }
