package dag

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SavedPlan is a plan as it can be kept and held to: what each instance was made of and what was to become of it.
// It holds hashes and no values, since configurations may hold secrets.
type SavedPlan []SavedAction

// SavedAction is one instance of a saved plan.
type SavedAction struct {
	Address     string            `json:"address"`
	State       string            `json:"state"`
	Sum         string            `json:"sum"` // hash of the manifest as far as it was known: the key, if all of it was
	Inputs      map[string]Digest `json:"inputs,omitempty"`
	Code        map[string]string `json:"code,omitempty"`
	Environment map[string]string `json:"environment,omitempty"` // probe -> hash of what it printed
}

// Save gives the plan in the form that Apply can hold itself to.
func (p *Plan) Save() (SavedPlan, error) {
	saved := make(SavedPlan, len(p.Actions))
	for i, a := range p.Actions {
		_, sum, err := a.Manifest.canonical()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Node.Address, err)
		}
		s := SavedAction{
			Address: a.Node.Address, State: a.State, Sum: sum, Code: a.Manifest.Code,
			Inputs: map[string]Digest{}, Environment: map[string]string{},
		}
		for _, in := range a.Manifest.Inputs {
			s.Inputs[in.Name] = in.Digest
		}
		for probe, text := range a.Manifest.Environment {
			s.Environment[probe] = hashBytes([]byte(text))
		}
		saved[i] = s
	}
	return saved, nil
}

// StalePlanError says that a saved plan is not what a run would do now.
type StalePlanError struct {
	Changes []string // what changed since, a line each
}

func (e *StalePlanError) Error() string {
	const most = 12
	lines := e.Changes
	if len(lines) > most {
		lines = append(slices.Clone(lines[:most-1]), fmt.Sprintf("and %d other changes", len(lines)-most+1))
	}
	return "nothing was run, since the plan no longer holds; plan again:\n  " + strings.Join(lines, "\n  ")
}

// hold compares a plan with the saved one that it must be.
func (saved SavedPlan) hold(p *Plan) error {
	now, err := p.Save()
	if err != nil {
		return err
	}
	if changes := saved.changes(now); len(changes) > 0 {
		return &StalePlanError{changes}
	}
	return nil
}

// changes says what differs, a line a difference, in the order of now: causes come before what follows from them.
func (saved SavedPlan) changes(now SavedPlan) []string {
	was := make(map[string]SavedAction, len(saved))
	for _, a := range saved {
		was[a.Address] = a
	}
	var texts []string
	addresses := map[string][]string{}
	note := func(address, text string) {
		if addresses[text] == nil {
			texts = append(texts, text)
		}
		addresses[text] = append(addresses[text], address)
	}
	for _, a := range now {
		old, ok := was[a.Address]
		delete(was, a.Address)
		switch {
		case !ok:
			note(a.Address, "is not in the plan")
		case old.Sum != a.Sum:
			for _, text := range old.parts(a) {
				note(a.Address, text)
			}
		case old.State != a.State:
			note(a.Address, fmt.Sprintf("was %s and is %s now", stateText(old.State), stateText(a.State)))
		}
	}
	for _, address := range slices.Sorted(maps.Keys(was)) {
		note(address, "is no longer there")
	}
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = list(addresses[text], 2) + ": " + text
	}
	return lines
}

// parts says which parts of the manifest differ.
func (a SavedAction) parts(now SavedAction) []string {
	var texts []string
	for _, name := range bothKeys(a.Inputs, now.Inputs) {
		if a.Inputs[name] != now.Inputs[name] {
			texts = append(texts, fmt.Sprintf("input %s changed", name))
		}
	}
	for _, file := range bothKeys(a.Code, now.Code) {
		if a.Code[file] != now.Code[file] {
			texts = append(texts, fmt.Sprintf("code %s changed", file))
		}
	}
	for _, probe := range bothKeys(a.Environment, now.Environment) {
		if a.Environment[probe] != now.Environment[probe] {
			texts = append(texts, fmt.Sprintf("probe %q prints something else", probe))
		}
	}
	if len(texts) == 0 {
		return []string{"its configuration changed"}
	}
	return texts
}

func stateText(state string) string {
	switch state {
	case StateRun:
		return "to run"
	case StateMaybe:
		return "perhaps to run"
	}
	return state
}
