package pipelines

import (
	"fmt"
	"path"
	"path/filepath"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// Expansion is a pipeline turned into the vertices of a graph.
type Expansion struct {
	Nodes        []*dag.Node // instances in the order of the files and cells; a group, or a download, before its first reader
	Publications []dag.Publication
}

// Expand evaluates every instance of every stage. With errors the expansion is incomplete and must not run.
func (p *Pipeline) Expand() (*Expansion, hcl.Diagnostics) {
	x := &Expansion{}
	if len(p.modules) == 0 {
		return x, nil // nothing was understood
	}
	placed := map[string]bool{}
	c := &checker{groups: map[string]*dag.Node{}, drafts: map[string]*draft{}, members: map[string][]stages.Member{}}
	var evaluators []*evaluator
	for _, s := range p.Stages {
		if s.noCells || !s.known {
			continue
		}
		e := newEvaluator(s, c.groups)
		evaluators = append(evaluators, e)
		nodes, sound := e.nodes()
		c.add(e, nodes)
		if !sound {
			continue
		}
		for _, n := range nodes {
			for _, in := range n.Inputs {
				address := in.Group
				if in.From != nil {
					address = in.From.Address
				}
				if made := c.groups[address]; made != nil && !placed[address] {
					placed[address] = true
					x.Nodes = append(x.Nodes, made)
				}
			}
			x.Nodes = append(x.Nodes, n)
		}
	}
	c.check()
	publications, diags := p.publish()
	x.Publications = publications
	for _, e := range evaluators {
		diags = append(diags, e.diags...)
	}
	return x, SortDiagnostics(diags)
}

// nodes makes the nodes of the stage and adds to groups what they read. Those of a stage with a mistake are not sound.
func (e *evaluator) nodes() (nodes []*dag.Node, sound bool) {
	s := e.stage
	nodes = make([]*dag.Node, 0, len(s.cells))
	var positions map[string]dag.Pos
	byCell := true
	for _, inst := range s.cells {
		e.inst = inst
		n := e.node()
		if byCell {
			positions, byCell = s.places(inst)
		}
		n.Pos = positions
		nodes = append(nodes, n)
	}
	secrets := s.secrets()
	for _, n := range nodes {
		n.Secret = secrets
	}
	return nodes, !s.broken && !e.diags.HasErrors()
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
			e.failed[a.name] = true
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
	normal, errs := e.normalised(config)
	e.blame(errs)
	n.Config = normal
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
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Code outside of the pipeline's folder", "%q does not lie in %s. Copy it there, or read it as an input: inputs = { NAME = %q }.", pattern, e.stage.in.folder(), pattern)))
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
