package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// planFormat is the version of plan files. It changes when an older program would misread one.
const planFormat = 1

// planMark begins a plan file: the first member of its object.
const planMark = `{"pipe_plan":`

// planFile is a plan with all that it was made from, to be run later as it is or not at all.
type planFile struct {
	Format   int               `json:"pipe_plan"`
	Pipe     string            `json:"pipe"`
	Commit   string            `json:"commit,omitempty"`
	Folder   string            `json:"folder"` // the working folder
	Store    string            `json:"store"`
	Pipeline string            `json:"pipeline"`
	Settings []savedSetting    `json:"settings"`
	Sources  map[string]string `json:"sources"`          // HCL and var files -> hash
	Target   []string          `json:"target,omitempty"` // addresses and selectors
	Replace  []string          `json:"replace,omitempty"`
	Actions  dag.SavedPlan     `json:"actions"`
}

// savedSetting sets a variable, or all those of a var-file. The value of a sensitive one is left out.
type savedSetting struct {
	Name      string `json:"name,omitempty"`
	Value     string `json:"value,omitempty"`
	Sensitive bool   `json:"sensitive,omitempty"`
	File      string `json:"file,omitempty"`
}

// newPlanFile describes what a plan was made from.
func newPlanFile(o planFlags, p *pipelines.Pipeline, store *dag.Store) (*planFile, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	v := build()
	f := &planFile{
		Format: planFormat, Pipe: v.Pipe, Commit: v.Commit, Folder: here, Store: store.Dir(), Pipeline: o.path,
		Sources: sources(p), Target: o.target, Replace: o.replace,
	}
	sensitive := map[string]bool{}
	for _, v := range p.Variables {
		sensitive[v.Name] = v.Sensitive
	}
	for _, s := range o.settings() {
		secret, declared := sensitive[s.Name]
		switch {
		case s.File != "":
			f.Settings = append(f.Settings, savedSetting{File: s.File})
		case secret:
			f.Settings = append(f.Settings, savedSetting{Name: s.Name, Sensitive: true})
		case declared: // the environment may set what this pipeline does not know
			f.Settings = append(f.Settings, savedSetting{Name: s.Name, Value: s.Text})
		}
	}
	return f, nil
}

// sources hashes the files that a pipeline was read from.
func sources(p *pipelines.Pipeline) map[string]string {
	hashes := map[string]string{}
	for name, file := range p.Files() {
		sum := sha256.Sum256(file.Bytes)
		hashes[name] = hex.EncodeToString(sum[:])
	}
	return hashes
}

// write puts the plan at path, for its owner alone. What stands there is replaced only if it is a plan too.
func (f *planFile) write(path string) error {
	switch there, err := isPlanFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("plan file: %w", err)
	case !there:
		return fmt.Errorf("plan file: %s is there already and is no plan; choose another name", path)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("plan file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".pipe-plan-") // with mode 0600
	if err != nil {
		return fmt.Errorf("plan file: %w", err)
	}
	_, err = tmp.Write(append(raw, '\n'))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("plan file: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// isPlanFile tells a plan file from a pipeline by how it begins.
func isPlanFile(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	start := make([]byte, len(planMark))
	n, err := file.Read(start)
	return err == nil && bytes.Equal(start[:n], []byte(planMark)), nil
}

// parsePlanFile reads a plan.
func parsePlanFile(path string) (*planFile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := new(planFile)
	if err := json.Unmarshal(raw, f); err != nil {
		return nil, fmt.Errorf("plan file %s is damaged: %w: plan again", path, err)
	}
	return f, nil
}

// readPlanFile reads a plan that this program may run here.
func readPlanFile(path string) (*planFile, error) {
	f, err := parsePlanFile(path)
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	now := build()
	switch {
	case f.Format != planFormat, f.Pipe != now.Pipe, f.Commit != now.Commit:
		return nil, fmt.Errorf("plan file %s was made by another pipe (%s %.12s; this is %s %.12s): plan again", path, f.Pipe, f.Commit, now.Pipe, now.Commit)
	case f.Folder != here:
		return nil, fmt.Errorf("plan file %s was made in the folder %s: apply it there, or with -chdir=%s", path, f.Folder, f.Folder)
	}
	return f, nil
}

// options are the settings of the plan, with the sensitive values that were given again.
func (f *planFile) options(given []pipelines.Setting) (pipelineOptions, error) {
	o := pipelineOptions{path: f.Pipeline, whole: true}
	wanted := map[string]bool{}
	for _, s := range f.Settings {
		wanted[s.Name] = s.Sensitive
	}
	values := map[string]string{}
	for _, s := range append(pipelines.FromEnvironment(os.Environ()), given...) {
		if !s.Lenient && !wanted[s.Name] {
			return o, fmt.Errorf("%s %s: a plan file has its own variables; only sensitive ones are given again", s.Origin, s.Name+s.File)
		}
		values[s.Name] = s.Text
	}
	var missing []string
	for _, s := range f.Settings {
		text := s.Value
		if s.Sensitive {
			var ok bool
			if text, ok = values[s.Name]; !ok && !slices.Contains(missing, s.Name) {
				missing = append(missing, s.Name)
			}
		}
		o.vars = append(o.vars, pipelines.Setting{Name: s.Name, Text: text, File: s.File, Origin: "the plan file"})
	}
	if len(missing) > 0 {
		return o, fmt.Errorf("the plan was made with sensitive values, which are not in its file: give them again with -var NAME=VALUE or %sNAME: %s",
			pipelines.EnvPrefix, strings.Join(missing, ", "))
	}
	return o, nil
}

// changed says which of the files that the pipeline was read from are not as they were.
func (f *planFile) changed(now map[string]string) error {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch was, ok := f.Sources[name]; {
		case !ok:
			lines = append(lines, name+": is new")
		case was != now[name]:
			lines = append(lines, name+": changed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Sources)) {
		if _, ok := now[name]; !ok {
			lines = append(lines, name+": is no longer there")
		}
	}
	if len(lines) > 0 {
		return &dag.StalePlanError{Changes: lines}
	}
	return nil
}
