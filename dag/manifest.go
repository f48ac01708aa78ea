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

// canonical are the bytes that are stored, and their hash, which is the key. They are what Canonical would make of
// the manifest as a JSON value, without building that value: every instance is spelled in every run.
func (m *Manifest) canonical() (raw []byte, key string, err error) {
	w := speller{b: make([]byte, 0, 1024)}
	w.text(`{"code":`).strings(m.Code)
	w.text(`,"config":`).value(m.Config)
	w.text(`,"environment":`).strings(m.Environment)
	w.text(`,"inputs":[`)
	for i, in := range m.Inputs {
		if i > 0 {
			w.text(",")
		}
		w.text(`{"as":`).string(in.As)
		w.text(`,"digest":`).string(string(in.Digest))
		if in.Group {
			w.text(`,"group":true`)
		}
		w.text(`,"name":`).string(in.Name).text("}")
	}
	w.text(`],"outputs":`).strings(m.Outputs)
	w.text(`,"salt":`).string(m.Salt)
	w.text(`,"schema":`).value(m.Schema)
	w.text(`,"type":`).string(m.Type)
	w.text(`,"version":`).value(m.Version).text("}")
	if w.err != nil {
		return nil, "", fmt.Errorf("config: %w", w.err)
	}
	return w.b, hashBytes(w.b), nil
}

// speller appends canonical JSON and keeps the first error.
type speller struct {
	b   []byte
	err error
}

func (w *speller) text(s string) *speller {
	w.b = append(w.b, s...)
	return w
}

func (w *speller) value(v any) *speller {
	if b, err := appendCanonical(w.b, v); err == nil {
		w.b = b
	} else if w.err == nil {
		w.err = err
	}
	return w
}

func (w *speller) string(s string) *speller {
	if b, err := appendString(w.b, s); err == nil {
		w.b = b
	} else if w.err == nil {
		w.err = err
	}
	return w
}

func (w *speller) strings(m map[string]string) {
	if b, err := appendMap(w.b, m, appendString); err == nil {
		w.b = b
	} else if w.err == nil {
		w.err = err
	}
}

// canonicalMembers are the bytes of a group's list and its digest.
func canonicalMembers(members []ManifestMember) ([]byte, Digest, error) {
	var w speller
	w.text("[")
	for i, m := range members {
		if i > 0 {
			w.text(",")
		}
		w.text(`{"as":`).string(m.As).text(`,"axes":[`)
		for j, a := range m.Axes {
			if j > 0 {
				w.text(",")
			}
			w.text(`{"name":`).string(a.Name).text(`,"value":`).value(a.Value).text("}")
		}
		w.text(`],"digest":`).string(string(m.Digest)).text("}")
	}
	w.text("]")
	if w.err != nil {
		return nil, "", fmt.Errorf("axes: %w", w.err)
	}
	return w.b, Digest(filePrefix + hashBytes(w.b)), nil
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
		Inputs: make(map[string]InputPaths, len(m.Inputs)), Outputs: outputs, WorkDir: workDir, Threads: threads,
	}, nil
}

// outputNames are the declared outputs, sorted.
func (m *Manifest) outputNames() []string { return slices.Sorted(maps.Keys(m.Outputs)) }
