package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// Provenance writes what made a file, then a line a result behind it.
func (j *JSON) Provenance(p *dag.Provenance) {
	j.write(struct {
		Type string `json:"type"`
		*dag.Provenance
	}{"provenance", p})
	for _, s := range p.Steps {
		j.write(struct {
			Type string `json:"type"`
			dag.Step
		}{"provenance_step", s})
	}
}

// origins is a provenance as a tree of sweeps: the results of one stage are one branch.
type origins struct {
	h      *Human
	steps  map[string]dag.Step // by key
	sweeps map[string][]dag.Step
	shown  map[string]bool
}

// Provenance draws a tree from a file down to the data and the code: each stage once, with the number of its results.
func (h *Human) Provenance(p *dag.Provenance) {
	o := &origins{h, map[string]dag.Step{}, map[string][]dag.Step{}, map[string]bool{}}
	for _, s := range p.Steps {
		o.steps[s.Key] = s
		o.sweeps[sweepName(s)] = append(o.sweeps[sweepName(s)], s)
	}
	root := sweepName(o.steps[p.Key])
	h.printf("%s  %s\n", h.style.paint(bold, p.Path), p.Digest.Short())
	line := fmt.Sprintf("is output %s of %s", p.Output, o.title(root))
	if p.Within != "" {
		line = fmt.Sprintf("is %s in output %s of %s", p.Within, p.Output, o.title(root))
	}
	h.printf("%s\n", line)
	o.branch(root, "")
	if len(p.Also) > 0 {
		also := p.Also[:min(len(p.Also), mostMetrics)]
		h.printf("%s\n", h.style.paint(faint, fmt.Sprintf("The same bytes were also made by %s%s.", strings.Join(also, ", "), more(len(p.Also)-len(also)))))
	}
}

// sweepName is the stage of a step. A step whose record is gone is alone.
func sweepName(s dag.Step) string {
	if s.Result == nil {
		return "a result whose record is gone (key " + s.Key[:min(12, len(s.Key))] + ")"
	}
	stage, _, _ := strings.Cut(s.Result.Address, "[")
	return stage
}

// title names a branch: the instance, or the stage with how many.
func (o *origins) title(name string) string {
	steps := o.sweeps[name]
	switch {
	case steps[0].Result == nil:
		return o.h.style.paint(red, name)
	case len(steps) == 1:
		return o.h.style.paint(bold, steps[0].Result.Address)
	}
	return o.h.style.paint(bold, positions(addressesOf(steps))) + fmt.Sprintf(" ×%d", len(steps))
}

func addressesOf(steps []dag.Step) []string {
	var list []string
	for _, s := range steps {
		list = append(list, s.Result.Address)
	}
	return list
}

// twig is one line below a branch, and the sweep that goes on from there, or "".
type twig struct{ text, sweep string }

// branch writes what is known of a sweep and all that is behind it.
func (o *origins) branch(name, indent string) {
	steps := o.sweeps[name]
	o.shown[name] = true
	twigs := o.twigs(steps)
	bar := "   "
	if len(twigs) > 0 {
		bar = "│  "
	}
	for _, line := range append(configured(steps), o.made(steps)...) {
		o.h.printf("%s%s%s\n", indent, bar, o.h.style.paint(faint, line))
	}
	for i, t := range twigs {
		fork, next := "├─ ", "│  "
		if i == len(twigs)-1 {
			fork, next = "└─ ", "   "
		}
		again := t.sweep != "" && o.shown[t.sweep]
		if again {
			t.text += " (as above)"
		}
		o.h.printf("%s%s%s\n", indent, fork, t.text)
		if t.sweep != "" && !again {
			o.branch(t.sweep, indent+next)
		}
	}
}

// made says when the results of a sweep were made, and how long it took.
func (o *origins) made(steps []dag.Step) []string {
	var runs []string
	took := 0.0
	for _, s := range steps {
		if s.Result == nil {
			return nil
		}
		took += s.Result.Seconds
		if !slices.Contains(runs, s.Result.Run) {
			runs = append(runs, s.Result.Run)
		}
	}
	slices.Sort(runs)
	if r := steps[0].Result; len(steps) == 1 {
		return []string{fmt.Sprintf("run %s, %s, took %s, key %s", r.Run, clock(r.Started), seconds(r.Seconds), r.Key[:min(12, len(r.Key))])}
	}
	shown := runs[:min(len(runs), 2)]
	return []string{fmt.Sprintf("run %s%s, took %s in all", strings.Join(shown, ", "), more(len(runs)-len(shown)), seconds(took))}
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// twigs are the inputs, code files and probes of a sweep, each distinct one once.
func (o *origins) twigs(steps []dag.Step) []twig {
	var list []twig
	add := func(t twig) {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	for _, s := range steps {
		if s.Result == nil || s.Manifest == nil {
			continue
		}
		for i, in := range s.Manifest.Inputs {
			if i >= len(s.Result.From) {
				break
			}
			from := s.Result.From[i]
			if from.Path != "" {
				add(twig{text: fmt.Sprintf("%s: %s  %s", in.Name, short(from.Path), in.Digest.Short())})
			}
			for _, key := range from.Keys {
				name := sweepName(o.steps[key])
				text := in.Name + ": " + o.title(name)
				if from.Output != in.Name && o.steps[key].Result != nil {
					text += ", output " + from.Output
				}
				if len(steps) == 1 && len(from.Keys) == 1 {
					text += "  " + in.Digest.Short()
				}
				add(twig{text, name})
			}
		}
		for _, file := range sortedNames(s.Manifest.Code) {
			add(twig{text: fmt.Sprintf("code %s  %s", file, dag.Digest(s.Manifest.Code[file]).Short())})
		}
		for _, probe := range sortedNames(s.Manifest.Environment) {
			add(twig{text: fmt.Sprintf("probe %s: %s", probe, clip(jsonText(s.Manifest.Environment[probe]), 80))})
		}
	}
	return list
}

// configured lists the attributes that are not as the stage type has them by default, a line each; one that
// differs within the sweep with its values.
func configured(steps []dag.Step) []string {
	values, ordinary := map[string][]string{}, map[string]string{}
	for _, s := range steps {
		if s.Manifest == nil {
			continue
		}
		if t, ok := stages.Lookup(s.Manifest.Type); ok {
			for _, a := range stages.SchemaOf(t).Attributes {
				ordinary[a.Name] = jsonText(a.Default)
			}
		}
		for name, v := range s.Manifest.Config {
			if text := jsonText(v); !slices.Contains(values[name], text) {
				values[name] = append(values[name], text)
			}
		}
	}
	var lines []string
	for _, name := range sortedNames(values) {
		all := values[name]
		if len(all) == 1 && (all[0] == ordinary[name] || all[0] == "{}") {
			continue
		}
		shown := all[:min(len(all), 2*mostMetrics)]
		lines = append(lines, clip(name+" = "+strings.Join(shown, " | ")+more(len(all)-len(shown)), 110))
	}
	return lines
}
