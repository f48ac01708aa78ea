package pipelines

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// checker lets the stages check themselves when all instances are known: a figure's check needs to know what the
// runs measure that it gathers, and these may stand further down in the file.
type checker struct {
	groups  map[string]*dag.Node
	order   []*draft
	drafts  map[string]*draft          // by the address of the instance
	members map[string][]stages.Member // by the address of the group
}

// draft is an instance whose stage is made, without outputs, when it is first asked for.
type draft struct {
	e     *evaluator
	inst  *Instance
	node  *dag.Node
	stage stages.Stage
}

// add takes in the nodes of a stage, which are in the order of its cells.
func (c *checker) add(e *evaluator, nodes []*dag.Node) {
	for i, n := range nodes {
		d := &draft{e: e, inst: e.stage.cells[i], node: n}
		c.order = append(c.order, d)
		c.drafts[n.Address] = d
	}
}

// check makes the stage of every node that has something to check.
func (c *checker) check() {
	for _, d := range c.order {
		if _, ok := d.e.stage.schema.Type.New().(stages.Validator); ok {
			c.make(d)
		}
	}
}

// make makes the stage of an instance and reports what is wrong with it.
func (c *checker) make(d *draft) stages.Stage {
	if d.stage != nil {
		return d.stage
	}
	schema := d.e.stage.schema
	d.stage = schema.Type.New() // for whoever asks meanwhile: in a cycle, which is reported elsewhere
	inputs := map[string]stages.Given{}
	for _, in := range d.node.Inputs {
		switch {
		case in.From != nil:
			inputs[in.Name] = stages.Given{Path: in.From.Address + "." + in.From.Output, From: c.maker(schema, in)}
		case in.Group != "":
			inputs[in.Name] = stages.Given{Path: in.Group, Members: c.gathered(in.Group)}
		default:
			inputs[in.Name] = stages.Given{Path: in.Path}
		}
	}
	stage, errs := schema.Stage(d.e.soundPart(d.node.Config, inputs), inputs)
	d.stage, d.e.inst = stage, d.inst
	d.e.blame(errs)
	return stage
}

// maker is the stage that makes what a single input takes, if it is of a type that checks itself.
func (c *checker) maker(schema stages.Schema, in dag.Input) stages.Stage {
	d := c.drafts[in.From.Address]
	if port, ok := schema.Input(in.Name); !ok || port.Form != stages.Single || d == nil {
		return nil
	}
	if _, ok := d.e.stage.schema.Type.New().(stages.Validator); !ok {
		return nil
	}
	return c.make(d)
}

// soundPart leaves out of a config what there is a mistake in, and adds inputs with a mistake as if they were right, so
// that the stage can tell what else is wrong and nothing that only follows (see stages.Validator).
func (e *evaluator) soundPart(config map[string]any, inputs map[string]stages.Given) map[string]any {
	if len(e.failed) == 0 {
		return config
	}
	config = maps.Clone(config)
	for name := range e.failed {
		delete(config, name)
		if port, ok := e.stage.schema.Input(name); ok && port.Form != stages.Keyed {
			inputs[name] = stages.Given{Path: "?"}
		}
	}
	return config
}

// measures are the names of what the instance measures, or nil: a mistake in its config may hide one.
func (c *checker) measures(d *draft) []string {
	measurer, ok := c.make(d).(stages.Measurer)
	if !ok || slices.ContainsFunc(d.e.stage.schema.Attributes, func(a stages.Attribute) bool { return d.e.failed[a.Name] }) {
		return nil
	}
	return measurer.Measures()
}

// gathered describes the members of a group before they are made.
func (c *checker) gathered(address string) []stages.Member {
	if list, ok := c.members[address]; ok {
		return list
	}
	var list []stages.Member
	for _, m := range c.groups[address].Group {
		member := stages.Member{Axes: map[string]any{}, Path: m.Ref.Address + "." + m.Ref.Output}
		for _, axis := range m.Axes {
			member.Axes[axis.Name] = axis.Value
		}
		if d := c.drafts[m.Ref.Address]; d != nil {
			member.Metrics = c.measures(d)
		}
		list = append(list, member)
	}
	c.members[address] = list
	return list
}

// blame reports what the stage type finds wrong with the attributes, of each attribute what it finds in the first instance.
func (e *evaluator) blame(errs []error) {
	failed := maps.Clone(e.failed)
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
		case failed[name] || a != nil && !a.sound:
		case a == nil:
			e.failed[name] = true
			e.diags = append(e.diags, mistake(e.stage.at, "Missing attribute", "Stage type %q needs %s Add %s = VALUE.", e.stage.Type, stopped(ae.Error()), name))
		default:
			detail := stopped(ae.Error()) + suggestOnly(ae.Value, ae.Known)
			e.report(a, e.explain(a, mistake(elementRange(a.expr, ae.Attribute), "Invalid value", "%s", detail)))
		}
	}
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
	if _, index, ok := strings.Cut(name, "["); ok {
		if items, diags := hcl.ExprList(expr); !diags.HasErrors() {
			if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil && i < len(items) {
				return items[i].Range()
			}
		}
	}
	return expr.Range()
}
