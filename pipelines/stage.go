package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/stages"
)

// Stage is a stage block. After Load its references are resolved and its cells are known.
type Stage struct {
	Type, Name string

	address string
	in      *module
	schema  stages.Schema
	known   bool // the type exists
	at      hcl.Range
	attrs   []*attribute          // of the schema, in the order of the file
	meta    map[string]*attribute // those that every stage may have; "resources.cpus" is one in a block
	outputs []stages.Port         // with the user's names for a keyed port

	matrixOf    *Stage // whose cells it takes over
	axes        []string
	cells       []*Instance
	unpublished bool // an output without a path: it joins only where others use it
	noCells     bool // the matrix could not be understood
	broken      bool // something is wrong, and said: no node is made of it

	index  map[string]*Instance         // by the texts of all axes
	groups map[string]map[string]*group // by output and shared axes, then by the texts on these
}

// attribute is one attribute of a stage with what its expression refers to.
type attribute struct {
	binding
	name   string
	at     hcl.Range
	direct *reference // the expression is nothing but this reference
	items  []item     // the expression is { NAME = reference, ... } and nothing else; sorted by name
	each   []int      // axes that it uses
	local  bool       // it uses input, output or params
	sound  bool
	memo   map[string]memo // value by the texts of the used axes

	secrets map[string]bool // its parts that come from sensitive variables
}

// Address is TYPE.NAME, in a module with the module's address before it: module.x.TYPE.NAME.
func (s *Stage) Address() string { return s.address }

// seenFrom is how the files of a module refer to the stage, if they can.
func (s *Stage) seenFrom(m *module) string {
	if s.in == m {
		return s.Type + "." + s.Name
	}
	return s.Address()
}

// Meta-arguments: attributes and blocks that a stage of any type may have.
var (
	metaAttributes = append([]string{"executor", "salt"}, cellAttributes...)
	cellAttributes = []string{"matrix", "include", "exclude", "enabled"} // these say which instances there are
	metaBlocks     = map[string][]string{
		"resources": {"cpus", "memory", "gpus", "gpu_memory", "time"},
		"retry":     {"attempts", "on"},
	}
	metaBlockTypes = []string{"resources", "retry"}
)

// reservedRoots cannot be names of stage types in a reference.
var reservedRoots = []string{"var", "local", "module", "each", "all"}

func (m *module) newStage(typ, name string, at hcl.Range) *Stage {
	return &Stage{Type: typ, Name: name, address: m.prefix() + typ + "." + name, in: m, at: at, meta: map[string]*attribute{}}
}

// decodeStage reads stage "TYPE" "NAME" { ... }.
func (m *module) decodeStage(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "TYPE", "NAME")
	if diags.HasErrors() {
		return diags
	}
	s := m.newStage(b.Labels[0], b.Labels[1], b.DefRange())
	if other := m.byName[s.Type+"."+s.Name]; other != nil {
		return hcl.Diagnostics{mistake(s.at, "Stage declared twice", "Stage %s is also declared at %s. Give one of them another name.", s.Address(), place(other.at))}
	}
	m.p.Stages = append(m.p.Stages, s)
	m.stages = append(m.stages, s)
	m.byName[s.Type+"."+s.Name] = s
	t, ok := stages.Lookup(s.Type)
	if !ok {
		s.broken = true
		diags = append(diags, mistake(b.LabelRanges[0], "Unknown stage type", "There is no stage type %q.%s",
			s.Type, didYouMean(s.Type, stages.Names())))
	}
	s.known = ok
	s.schema = stages.SchemaOf(t)
	if !ok {
		s.schema = stages.Schema{}
	}
	diags = append(diags, s.decodeBody(b.Body, s.schema.Names())...)
	diags = append(diags, s.declareOutputs()...)
	return diags
}

// decodeBody takes the attributes and blocks of a stage apart. names are those that its schema allows.
func (s *Stage) decodeBody(body *hclsyntax.Body, names []string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range sortedAttributes(body) {
		switch {
		case has(metaAttributes, a.Name):
			s.meta[a.Name] = s.newAttribute(a.Name, a)
		case has(names, a.Name) || !s.known:
			s.attrs = append(s.attrs, s.newAttribute(a.Name, a))
		default:
			diags = append(diags, s.unknownAttribute(a, names))
		}
	}
	once := map[string]hcl.Range{}
	for _, b := range body.Blocks {
		known, ok := metaBlocks[b.Type]
		switch {
		case ok:
			if first, ok := once[b.Type]; ok {
				diags = append(diags, mistake(b.DefRange(), "Second block", "Stage %s has its %s at %s already. Write all of it in one block.", s.Address(), b.Type, place(first)))
				continue
			}
			once[b.Type] = b.DefRange()
			d := &blockReader{block: b, known: known}
			d.check()
			diags = append(diags, d.diags...)
			for _, a := range sortedAttributes(b.Body) {
				s.meta[b.Type+"."+a.Name] = s.newAttribute(b.Type+"."+a.Name, a)
			}
		case has(names, b.Type):
			diags = append(diags, mistake(b.TypeRange, "Not a block", "%s is an attribute: write %s = { ... }.", b.Type, b.Type))
		default:
			diags = append(diags, mistake(b.TypeRange, "Unknown block", "A stage holds no block %q.%s", b.Type, didYouMean(b.Type, metaBlockTypes)))
		}
	}
	if diags.HasErrors() {
		s.broken = true
	}
	return diags
}

func (s *Stage) unknownAttribute(a *hclsyntax.Attribute, names []string) *hcl.Diagnostic {
	for _, o := range s.schema.Outputs {
		if o.Name == a.Name {
			return mistake(a.NameRange, "Output cannot be set", "%s is what stage type %s makes. Refer to it as %s.%s.",
				a.Name, s.Type, s.seenFrom(s.in), a.Name)
		}
	}
	all := append(append([]string(nil), names...), metaAttributes...)
	if has(metaBlockTypes, a.Name) {
		return mistake(a.NameRange, "Not an attribute", "%s is a block: write %s { ... } without =.", a.Name, a.Name)
	}
	return mistake(a.NameRange, "Unknown attribute", "Stage type %q has no attribute %q.%s", s.Type, a.Name, didYouMean(a.Name, all))
}

func (s *Stage) newAttribute(name string, a *hclsyntax.Attribute) *attribute {
	return &attribute{binding: binding{expr: a.Expr, in: s.in}, name: name, at: a.NameRange, memo: map[string]memo{}}
}

// attr returns the stage's attribute called name, or nil.
func (s *Stage) attr(name string) *attribute {
	for _, a := range s.attrs {
		if a.name == name {
			return a
		}
	}
	return nil
}

// declareOutputs lists the outputs that others can refer to. Those of a keyed port are the keys of an
// object that must be written out, since they are needed before anything is evaluated.
func (s *Stage) declareOutputs() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, port := range s.schema.Outputs {
		if port.Form != stages.Keyed {
			s.outputs = append(s.outputs, port)
			continue
		}
		a := s.attr(port.Name)
		if a == nil {
			continue
		}
		items, more := hcl.ExprMap(a.expr)
		if more.HasErrors() {
			s.broken = true
			diags = append(diags, mistake(a.expr.Range(), "Outputs must be written out", "Write %s = { NAME = \"file\" } here, so that others can refer to the names.", port.Name))
			continue
		}
		for _, item := range items {
			key, more := item.Key.Value(nil)
			if more.HasErrors() || key.IsNull() || !hclsyntax.ValidIdentifier(keyText(key)) {
				s.broken = true
				diags = append(diags, mistake(item.Key.Range(), "Invalid output name", "The name of an output is written out and holds letters, digits, _ and -. Write outputs = { NAME = \"file\" }."))
				continue
			}
			s.outputs = append(s.outputs, stages.Port{Name: keyText(key), Form: stages.Single, Kind: port.Kind})
		}
	}
	return diags
}

// output finds a declared output by name.
func (s *Stage) output(name string) (stages.Port, bool) {
	for _, o := range s.outputs {
		if o.Name == name {
			return o, true
		}
	}
	return stages.Port{}, false
}

func (s *Stage) outputNames() []string {
	names := make([]string, 0, len(s.outputs)+1)
	for _, o := range s.outputs {
		names = append(names, o.Name)
	}
	return names
}

// keyed tells whether the user names this stage's inputs or outputs, and so may write input.NAME.
func (s *Stage) keyed() bool {
	for _, ports := range [][]stages.Port{s.schema.Inputs, s.schema.Outputs} {
		for _, p := range ports {
			if p.Form == stages.Keyed {
				return true
			}
		}
	}
	return false
}

// references lists all references of the stage's attributes.
func (s *Stage) references() []*reference {
	var refs []*reference
	for _, a := range s.attrs {
		refs = append(refs, a.references()...)
	}
	return refs
}

// needs lists the stages that this one refers to.
func (s *Stage) needs() []*Stage {
	var list []*Stage
	for _, r := range s.references() {
		list = append(list, r.target)
	}
	return list
}
