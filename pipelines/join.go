package pipelines

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// Instance is a stage at one cell of its matrix.
type Instance struct {
	Stage   *Stage
	Axes    []dag.Axis
	Address string

	texts []string // canonical texts of the axis values
}

func newInstance(s *Stage, axes []dag.Axis) *Instance {
	return &Instance{Stage: s, Axes: axes, Address: Address(s.Address(), axes), texts: axisTexts(axes)}
}

// group is what one all. reference gathers: the target's instances with certain values on the shared axes.
type group struct {
	address string
	members []*Instance
	output  string
	kind    string
	node    *dag.Node // made when something reads it
}

// joinAxes finds, for every reference of the stage, the axes on which target and stage must agree, and
// checks the axes that the stage's expressions use.
func (s *Stage) joinAxes() hcl.Diagnostics {
	if s.noCells {
		return nil
	}
	var diags hcl.Diagnostics
	attrs := append([]*attribute(nil), s.attrs...)
	for _, name := range metaOrder(s.meta) {
		attrs = append(attrs, s.meta[name])
	}
	for _, a := range attrs {
		before := len(diags)
		if !has(cellAttributes, a.name) {
			diags = append(diags, a.findEach(s)...)
		}
		for _, r := range a.references() {
			if s.unpublished {
				break
			}
			if d := r.join(s, a.name); d != nil {
				diags = append(diags, d)
			}
		}
		if len(diags) > before {
			a.sound, s.broken = false, true
		}
	}
	return diags
}

// findEach checks each.AXIS in an attribute and notes the axes it uses.
func (a *attribute) findEach(s *Stage) hcl.Diagnostics {
	var diags hcl.Diagnostics
	used := make([]bool, len(s.axes))
	for _, t := range a.expr.Variables() {
		if t.RootName() != "each" {
			continue
		}
		name := step(t, 1)
		i := indexOf(s.axes, name)
		switch {
		case len(s.axes) == 0:
			diags = append(diags, mistake(t.SourceRange(), "No matrix", "Stage %s has no matrix, so each has no meaning in it. Add matrix = { AXIS = [...] }, or take each away.", s.Address()))
		case len(t) == 1: // each as a whole
			for i := range used {
				used[i] = true
			}
		case i < 0:
			diags = append(diags, mistake(t.SourceRange(), "Unknown axis", "The matrix of %s has no axis %q.%s", s.Address(), name, didYouMean(name, s.axes)))
		default:
			used[i] = true
		}
	}
	for i, u := range used {
		if u {
			a.each = append(a.each, i)
		}
	}
	return diags
}

// join pairs the axes of the reference's target with those of s, in whose attribute it stands.
func (r *reference) join(s *Stage, attribute string) *hcl.Diagnostic {
	if r.target.noCells {
		return nil
	}
	var lacking []string
	r.joins = nil
	for i, name := range r.target.axes {
		if mine := indexOf(s.axes, name); mine >= 0 {
			r.joins = append(r.joins, join{i, mine})
		} else {
			lacking = append(lacking, name)
		}
	}
	if r.all || len(lacking) == 0 {
		return nil
	}
	hint := ""
	for _, name := range lacking {
		if near := nearest(name, s.axes); near != "" {
			hint = " Is axis \"" + near + "\" of " + s.Address() + " meant to be \"" + name + "\"?"
		}
	}
	own := "has no axis"
	if len(s.axes) > 0 {
		own = "has only " + listing(s.axes)
	}
	remedy := "Write " + r.chosen(s)
	if port, ok := s.schema.Input(attribute); s.Type != "output" && (!ok || port.Form != stages.Single) {
		remedy = fmt.Sprintf("Write %s to read all of them, or matrix = %s.matrix to have one %s for each.", r.wide(s.in), r.name(s.in), s.Type)
	}
	return mistake(r.at, "Ambiguous reference", "%s has an instance for each value of %s, and %s %s.%s %s",
		r.name(s.in), listing(lacking), s.Address(), own, hint, remedy)
}

// chosen says by which matrix s, which takes one artifact, gets each instance of the target, or one of them.
func (r *reference) chosen(s *Stage) string {
	text := fmt.Sprintf("matrix = %s.matrix to have one %s for each", r.name(s.in), s.Type)
	if s.Type == "output" && len(r.target.axes) > 0 {
		text += fmt.Sprintf(", with ${each.%s} in its path", r.target.axes[0])
	}
	if len(r.target.cells) == 0 {
		return text + "."
	}
	var axes []string
	for _, a := range r.target.cells[0].Axes {
		axes = append(axes, fmt.Sprintf("%s = [%s]", a.Name, axisText(a.Value)))
	}
	return text + fmt.Sprintf(", or matrix = { %s } to take one.", strings.Join(axes, ", "))
}

// one finds the instance that agrees with inst on every axis of the target, or nil.
func (r *reference) one(inst *Instance) *Instance {
	texts := make([]string, len(r.joins))
	for i, j := range r.joins {
		texts[i] = inst.texts[j.mine]
	}
	return r.target.index[strings.Join(texts, ",")]
}

// gather finds the group of instances that agree with inst on the shared axes. All instances with the same
// shared values get the same group; it is nil when there is none.
func (r *reference) gather(inst *Instance) *group {
	var axes, texts []string
	for _, j := range r.joins {
		axes = append(axes, r.target.axes[j.target])
		texts = append(texts, inst.texts[j.mine])
	}
	t := r.target
	name := r.output + "\x00" + strings.Join(axes, ",")
	groups := t.groups[name]
	if groups == nil {
		groups = map[string]*group{}
		for _, member := range t.cells {
			var shared []dag.Axis
			var key []string
			for _, j := range r.joins {
				shared = append(shared, member.Axes[j.target])
				key = append(key, member.texts[j.target])
			}
			g := groups[strings.Join(key, ",")]
			if g == nil {
				g = &group{address: ReadableAddress("all."+t.Address()+"."+r.output, shared), output: r.output, kind: r.kind}
				groups[strings.Join(key, ",")] = g
			}
			g.members = append(g.members, member)
		}
		if t.groups == nil {
			t.groups = map[string]map[string]*group{}
		}
		t.groups[name] = groups
	}
	return groups[strings.Join(texts, ",")]
}

// vertex makes the group's virtual vertex.
func (g *group) vertex() *dag.Node {
	if g.node == nil {
		g.node = &dag.Node{Address: g.address}
		for _, m := range g.members {
			g.node.Group = append(g.node.Group, dag.Member{Axes: m.Axes, Ref: dag.Ref{Address: m.Address, Output: g.output}})
		}
	}
	return g.node
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}
