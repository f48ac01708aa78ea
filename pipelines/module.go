package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// module is what the names in one folder's files mean: the root's, or those that a module block reads. Its stages
// are stages of the pipeline like all others, under the block's address.
type module struct {
	p      *Pipeline
	parent *module // nil for the root
	name   string
	source string // as written in the block
	path   string // of the folder or file, with links followed: it tells whether a module contains itself
	shown  string // how messages name the folder
	dir    string // absolute; paths in the files are relative to it
	title  string // of its pipeline block
	unread bool   // its files could not be understood, so nothing is known of its names

	variables      []*Variable
	variableByName map[string]*Variable
	locals         []*local
	localByName    map[string]*local
	stages         []*Stage
	byName         map[string]*Stage // TYPE.NAME
	modules        []*module
	arguments      []*named // of its block, in the order of the file
	outputs        []*Output
	outputByName   map[string]*Output
	base           *hcl.EvalContext // functions, var, local and module
}

func newModule(p *Pipeline, parent *module, name string) *module {
	return &module{p: p, parent: parent, name: name, variableByName: map[string]*Variable{}, localByName: map[string]*local{},
		byName: map[string]*Stage{}, outputByName: map[string]*Output{}}
}

// newBase holds the functions; the names follow when they are computed.
func newBase(m *module) *hcl.EvalContext {
	return &hcl.EvalContext{Functions: functions(m), Variables: map[string]cty.Value{}}
}

// prefix stands before the addresses of what is in the module: module.x., or nothing for the root.
func (m *module) prefix() string {
	if m.parent == nil {
		return ""
	}
	return m.parent.prefix() + "module." + m.name + "."
}

// Module is a module block, for lists.
type Module struct {
	Address string // module.x
	Source  string
}

// Modules lists the module blocks, those in modules too.
func (p *Pipeline) Modules() []Module {
	var list []Module
	for _, m := range p.modules {
		if m.parent != nil {
			list = append(list, Module{strings.TrimSuffix(m.prefix(), "."), m.source})
		}
	}
	return list
}

// moduleArguments are attributes of a module block that set no variable.
var moduleArguments = []string{"source", "version", "for_each", "count", "depends_on", "providers"}

// refusedArguments are those of Terraform's that have no meaning here.
var refusedArguments = map[string]string{
	"version":    "A module is a folder beside the pipeline and has no version. Take version away.",
	"for_each":   "A module is not repeated. Give the stages in it a matrix, whose axes may come through a variable: matrix = { size = var.sizes }.",
	"count":      "A module is not repeated. Give the stages in it a matrix, whose axes may come through a variable, or switch them off with enabled = var.NAME.",
	"depends_on": "A stage runs after those whose artifacts it reads, and nothing else orders them. Take depends_on away.",
	"providers":  "There are no providers here. Take providers away.",
}

// mostModules and deepestModule bound what module blocks can ask for.
const (
	mostModules   = 1000
	deepestModule = 32
)

// decodeModule reads module "NAME" { source = "./DIR"  VARIABLE = VALUE ... } and the files of the module.
func (m *module) decodeModule(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "NAME")
	if diags.HasErrors() {
		return diags
	}
	name := b.Labels[0]
	if m.module(name) != nil {
		return hcl.Diagnostics{mistake(b.DefRange(), "Module declared twice", "There is another module %q in this folder. Give one of them another name.", name)}
	}
	for _, nested := range b.Body.Blocks {
		diags = append(diags, mistake(nested.TypeRange, "Unexpected block", "A module block holds no blocks. Set a variable with %s = { ... }.", nested.Type))
	}
	child := newModule(m.p, m, name)
	m.modules = append(m.modules, child)
	source, more := child.open(b)
	diags = append(diags, more...)
	if more.HasErrors() {
		child.unread = true
		return diags
	}
	m.p.modules = append(m.p.modules, child)
	child.base = newBase(child)
	for _, body := range source.bodies {
		diags = append(diags, child.decodeFile(body)...)
	}
	return append(diags, child.decodeArguments(b)...)
}

// open finds and parses the files of a module.
func (m *module) open(b *hclsyntax.Block) (parsed, hcl.Diagnostics) {
	a, ok := b.Body.Attributes["source"]
	if !ok {
		return parsed{}, hcl.Diagnostics{mistake(b.DefRange(), "Missing attribute", "Module %q needs source, the folder of its files. Write source = \"./%s\".", m.name, m.name)}
	}
	at := a.Expr.Range()
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return parsed{}, hcl.Diagnostics{mistake(at, "Invalid source", "Files are read before anything is computed, so the source is a text as it stands. Write source = \"./%s\".", m.name)}
	}
	m.source = v.AsString()
	if !strings.HasPrefix(m.source, "./") && !strings.HasPrefix(m.source, "../") {
		return parsed{}, hcl.Diagnostics{mistake(at, "Not a local module",
			"A module is a folder beside the pipeline, so its source starts with ./ or ../, and %q does not. Copy what is elsewhere into the project and write source = \"./%s\".", m.source, m.name)}
	}
	m.shown = filepath.Join(m.parent.shown, filepath.FromSlash(m.source))
	path, err := filepath.EvalSymlinks(m.shown)
	if err == nil {
		m.path, err = filepath.Abs(path)
	}
	if err != nil {
		return parsed{}, hcl.Diagnostics{mistake(at, "No such module", "There is no folder %s.%s", m.shown, m.suggestSource())}
	}
	depth := 0
	chain := []string{m.shown}
	for up := m.parent; up != nil; up = up.parent {
		depth++
		chain = append(chain, up.shown)
		if up.path == m.path {
			slices.Reverse(chain)
			return parsed{}, hcl.Diagnostics{mistake(at, "Modules in a circle", "The module would contain itself without end: %s. Take one of these module blocks away.", strings.Join(chain, " -> "))}
		}
	}
	if len(m.p.modules) > mostModules || depth > deepestModule {
		return parsed{}, hcl.Diagnostics{mistake(at, "Too many modules", "There are more than %d modules, or they are nested more than %d deep. Put the stages of several into one.", mostModules, deepestModule)}
	}
	source, known := m.p.sources[m.shown]
	if !known {
		src, err := readPath(m.shown)
		if err != nil {
			return parsed{}, hcl.Diagnostics{mistake(at, "Cannot read the module", "%s Name a folder with .hcl files.", sentence(err))}
		}
		source = m.p.parse(src)
		m.p.sources[m.shown] = source
	}
	if m.dir = m.path; filepath.Ext(m.path) == ".hcl" {
		m.dir = filepath.Dir(m.path)
	}
	return source, source.diags
}

// suggestSource proposes a folder beside the one that is not there.
func (m *module) suggestSource() string {
	entries, err := os.ReadDir(filepath.Dir(m.shown))
	if err != nil {
		return " Write a path relative to the file that holds the block."
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return " Write a path relative to the file that holds the block."
	}
	return didYouMean(filepath.Base(m.shown), names)
}

// decodeArguments reads what a module block sets the variables of the module to.
func (m *module) decodeArguments(b *hclsyntax.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range sortedAttributes(b.Body) {
		v := m.variable(a.Name)
		switch {
		case a.Name == "source":
		case refusedArguments[a.Name] != "":
			diags = append(diags, mistake(a.NameRange, "Not for modules", "%s", refusedArguments[a.Name]))
		case v == nil:
			diags = append(diags, mistake(a.NameRange, "Unknown variable", "Module %q has no variable %q.%s", m.name, a.Name, m.suggestVariable(a.Name)))
		default:
			v.argument = newNamed(m.parent, m.prefix()+"var."+a.Name, a.Expr, a.NameRange)
			v.argument.variable = v
			m.arguments = append(m.arguments, v.argument)
		}
	}
	for _, v := range m.variables {
		if v.argument == nil && !v.HasDefault {
			why := ""
			if v.Description != "" {
				why = ": " + v.Description
			}
			diags = append(diags, mistake(b.DefRange(), "Missing argument", "Module %q needs %s%s. Add %s = VALUE to the block; the variable is declared at %s.", m.name, v.Name, why, v.Name, place(v.at)))
		}
	}
	return diags
}

func (m *module) suggestVariable(name string) string {
	if len(m.variables) == 0 {
		return " It has none; declare one in its files: variable \"" + name + "\" {}."
	}
	return didYouMean(name, m.variableNames())
}

func (m *module) module(name string) *module {
	for _, child := range m.modules {
		if child.name == name {
			return child
		}
	}
	return nil
}

func (m *module) output(name string) *Output { return m.outputByName[name] }

// moduleOutput finds the output that module.NAME.OUT means. Without one and without a mistake, the module could not
// be read, which has been told.
func (m *module) moduleOutput(t hcl.Traversal) (*Output, *hcl.Diagnostic) {
	name, out := step(t, 1), step(t, 2)
	if name == "" {
		return nil, mistake(t.SourceRange(), "Incomplete reference", "Write module.NAME.OUTPUT.")
	}
	child := m.module(name)
	if child == nil {
		var names []string
		for _, c := range m.modules {
			names = append(names, c.name)
		}
		hint := didYouMean(name, names)
		if len(names) == 0 {
			hint = fmt.Sprintf(" Write module %q { source = \"./%s\" }, or take the reference away.", name, name)
		}
		return nil, mistake(t.SourceRange(), "Unknown module", "No module is called %q.%s", name, hint)
	}
	if child.unread {
		return nil, nil
	}
	var names []string
	for _, o := range child.outputs {
		names = append(names, o.Name)
	}
	o := child.output(out)
	switch {
	case out == "":
		return nil, mistake(t.SourceRange(), "Incomplete reference", "Write module.%s.OUTPUT. Outputs of the module: %s.", name, listing(names))
	case o == nil && len(names) == 0:
		return nil, mistake(t.SourceRange(), "Unknown output", "Module %q has no output. Declare one in its files: output %q { value = TYPE.NAME.OUTPUT }.", name, out)
	case o == nil:
		return nil, mistake(t.SourceRange(), "Unknown output", "Module %q has no output %q.%s", name, out, didYouMean(out, names))
	case o.named.each:
		return nil, mistake(t.SourceRange(), "Not for others", "Output %s is computed from each, which has a meaning only in its own cells. Give the module another output without each.", o.Address())
	}
	return o, nil
}

// folder names the folder of the module in messages.
func (m *module) folder() string {
	if m.parent == nil {
		return "the folder of the pipeline"
	}
	return "the folder of the module, " + m.shown
}
