package pipelines

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// Expansion is a pipeline turned into the vertices of a graph.
type Expansion struct {
	Nodes        []*dag.Node // instances in the order of the files and cells; a group before its first reader
	Publications []dag.Publication
}

// Expand evaluates every instance of every stage. With errors the expansion is incomplete and must not run.
func (p *Pipeline) Expand() (*Expansion, hcl.Diagnostics) {
	x := &Expansion{}
	if len(p.modules) == 0 {
		return x, nil // nothing was understood
	}
	var diags hcl.Diagnostics
	placed := map[string]bool{}
	groups := map[string]*dag.Node{}
	for _, s := range p.Stages {
		nodes, more := p.expandStage(s, groups)
		diags = append(diags, more...)
		for _, n := range nodes {
			for _, in := range n.Inputs {
				if in.Group != "" && !placed[in.Group] {
					placed[in.Group] = true
					x.Nodes = append(x.Nodes, groups[in.Group])
				}
			}
			x.Nodes = append(x.Nodes, n)
		}
	}
	publications, more := p.publish()
	x.Publications = publications
	return x, SortDiagnostics(append(diags, more...))
}

// expandStage makes the nodes of one stage, and adds to groups what they read.
func (p *Pipeline) expandStage(s *Stage, groups map[string]*dag.Node) ([]*dag.Node, hcl.Diagnostics) {
	if s.noCells || !s.known {
		return nil, nil
	}
	e := &evaluator{stage: s, groups: groups, failed: map[string]bool{}, patterns: map[string][]string{}}
	positions := map[string]dag.Pos{}
	for _, a := range s.attrs {
		positions[a.name] = dag.Pos{File: a.at.Filename, Line: a.at.Start.Line}
	}
	nodes := make([]*dag.Node, 0, len(s.cells))
	for _, inst := range s.cells {
		e.inst = inst
		n := e.node()
		n.Pos = positions
		nodes = append(nodes, n)
	}
	if s.broken || e.diags.HasErrors() {
		return nil, e.diags
	}
	return nodes, e.diags
}

// node evaluates one instance.
func (e *evaluator) node() *dag.Node {
	s := e.stage
	t := s.schema.Type
	n := &dag.Node{Address: e.inst.Address, Stage: s.Address(), Axes: e.inst.Axes, Type: t.Name, Version: t.Version}
	if s.in.parent != nil {
		n.Root = s.in.dir
	}
	config := map[string]any{}
	n.Inputs = e.inputs(config)
	n.Outputs = e.outputs()
	if s.keyed() {
		e.useOwn(n)
	}
	for _, a := range s.attrs {
		attr, ok := s.schema.Attribute(a.name)
		if !ok {
			continue
		}
		value, ok := e.config(a)
		if !ok {
			continue
		}
		switch attr.Role {
		case "code":
			value = e.code(a, value, n)
		case "probe":
			n.Probe = words(value)
		}
		config[a.name] = value
	}
	n.Config = e.normalise(config)
	e.execution(n)
	return n
}

// words are the strings of a list; normalise reports what is none.
func words(list any) []string {
	elements, _ := list.([]any)
	out := make([]string, len(elements))
	for i, v := range elements {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// normalise lets the schema fill in defaults and check every value.
func (e *evaluator) normalise(config map[string]any) map[string]any {
	normal, errs := e.stage.schema.Normalise(config)
	for _, err := range errs {
		var ae *stages.AttributeError
		if !errors.As(err, &ae) {
			if len(e.failed) == 0 {
				e.failed[""] = true
				e.diags = append(e.diags, mistake(e.stage.at, "Invalid stage", "%s\nThis is in %s.", sentence(err), e.inst.readable()))
			}
			continue
		}
		name := ae.Attribute
		if i := strings.IndexAny(name, ".["); i >= 0 {
			name = name[:i]
		}
		a := e.stage.attr(name)
		switch {
		case e.failed[name] || a != nil && !a.sound:
		case a == nil:
			e.failed[name] = true
			e.diags = append(e.diags, mistake(e.stage.at, "Missing attribute", "Stage type %q needs %s Add %s = VALUE.", e.stage.Type, stopped(ae.Error()), name))
		default:
			if _, ok := config[name]; !ok && !e.isInput(name) {
				continue // it could not be evaluated because of another mistake
			}
			detail := stopped(ae.Error()) + e.suggestValue(name, config[name])
			e.report(a, e.explain(a, mistake(elementRange(a.expr, ae.Attribute), "Invalid value", "%s", detail)))
		}
	}
	return normal
}

func (e *evaluator) isInput(name string) bool {
	_, ok := e.stage.schema.Input(name)
	return ok
}

// suggestValue proposes a value of an enumeration.
func (e *evaluator) suggestValue(name string, value any) string {
	attr, _ := e.stage.schema.Attribute(name)
	var texts []string
	switch v := value.(type) {
	case string:
		texts = []string{v}
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				texts = append(texts, s)
			}
		}
	}
	for _, text := range texts {
		if !has(attr.Enum, text) {
			return suggestOnly(text, attr.Enum)
		}
	}
	return ""
}

// elementRange finds the element of a written-out list or map that "metrics[1]" or "split.train" names.
func elementRange(expr hcl.Expression, name string) hcl.Range {
	if _, key, ok := strings.Cut(name, "."); ok {
		if items, diags := hcl.ExprMap(expr); !diags.HasErrors() {
			for _, item := range items {
				if k, diags := item.Key.Value(nil); !diags.HasErrors() && keyText(k) == key {
					return item.Value.Range()
				}
			}
		}
	}
	return expr.Range()
}

// outputs lists what the instance makes.
func (e *evaluator) outputs() []dag.Output {
	var list []dag.Output
	for _, port := range e.stage.schema.Outputs {
		if port.Form == stages.Keyed {
			list = append(list, e.keyedOutputs(port)...)
			continue
		}
		file := port.Path
		if file == "" {
			file = port.Name // a folder
		}
		list = append(list, dag.Output{Name: port.Name, Kind: port.Kind, Path: file})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// keyedOutputs reads outputs = { NAME = "file" }.
func (e *evaluator) keyedOutputs(port stages.Port) []dag.Output {
	a := e.stage.attr(port.Name)
	if a == nil {
		if port.Required && !e.failed[port.Name] {
			e.failed[port.Name] = true
			e.diags = append(e.diags, mistake(e.stage.at, "Missing attribute", "Stage type %q needs %s: %s Add %s = { NAME = \"file\" }.", e.stage.Type, port.Name, stopped(port.Doc), port.Name))
		}
		return nil
	}
	if _, diags := hcl.ExprMap(a.expr); diags.HasErrors() {
		e.failed[a.name] = true // declareOutputs has said so
		return nil
	}
	value, ok := e.config(a)
	m, isMap := value.(map[string]any)
	if !ok || !isMap {
		return nil
	}
	var list []dag.Output
	taken := map[string]string{}
	for _, o := range e.stage.outputs {
		v, ok := m[o.Name]
		if !ok {
			continue
		}
		file, isText := v.(string)
		switch {
		case !isText || !filepath.IsLocal(file) || path.Clean(file) != file:
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Invalid output file", "Output %s must be a file name relative to the stage's own folder, such as %q, not %v.", o.Name, o.Name+".csv", v)))
		case taken[file] != "":
			e.report(a, mistake(a.expr.Range(), "File used twice", "Outputs %s and %s are both written to %q. Give each a file of its own.", taken[file], o.Name, file))
		default:
			taken[file] = o.Name
			list = append(list, dag.Output{Name: o.Name, Kind: o.Kind, Path: file})
		}
	}
	return list
}

// code turns the patterns of a code attribute into files.
func (e *evaluator) code(a *attribute, value any, n *dag.Node) any {
	patterns, ok := value.([]any)
	if !ok {
		return value // the schema will tell
	}
	seen := map[string]bool{}
	files := []any{}
	for _, x := range patterns {
		pattern, ok := x.(string)
		if !ok {
			return value
		}
		if !filepath.IsLocal(filepath.FromSlash(pattern)) {
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Code outside of the pipeline's folder", "%q does not lie in the folder of the pipeline. Copy it there, or split off a module with a folder of its own.", pattern)))
			continue
		}
		matched, known := e.patterns[pattern]
		if !known {
			var err error
			if matched, err = glob(e.stage.in.dir, pattern); err != nil {
				e.report(a, mistake(a.expr.Range(), "Invalid pattern", "%q: %s", pattern, sentence(err)))
			}
			e.patterns[pattern] = matched
		}
		if len(matched) == 0 && !e.failed[a.name] {
			e.report(a, e.explain(a, mistake(a.expr.Range(), "No such file", "Nothing in %s matches %q. Write patterns relative to the file, such as \"scripts/*.py\".", e.stage.in.dir, pattern)))
		}
		for _, f := range matched {
			if !seen[f] {
				seen[f] = true
				files = append(files, f)
				n.Code = append(n.Code, f)
			}
		}
	}
	sort.Strings(n.Code)
	return files
}

// validName tells whether a name can be referred to.
func validName(s string) bool { return hclsyntax.ValidIdentifier(s) }
