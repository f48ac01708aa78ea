package pipelines

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// shared is what the instances of one stage have in common, so that thousands of them evaluate little more than
// what differs between them. Nothing in it is changed once it is made.
type shared struct {
	own     map[string]map[string]cty.Value // input, output and params by the names they hold
	names   string                          // those of the instance at hand
	normal  map[string]map[string]any       // normalised config by what it was computed from
	numbers map[any]cty.Value               // axis values
	each    cty.Value                       // of the instance at hand
	eachOf  *Instance
}

func newShared() shared {
	return shared{own: map[string]map[string]cty.Value{}, normal: map[string]map[string]any{}, numbers: map[any]cty.Value{}}
}

// eachValue is the object each of the instance.
func (e *evaluator) eachValue() cty.Value {
	if e.eachOf != e.inst {
		values := make(map[string]cty.Value, len(e.inst.Axes))
		for _, axis := range e.inst.Axes {
			v, ok := e.numbers[axis.Value]
			if !ok {
				v = axisCty(axis.Value)
				e.numbers[axis.Value] = v
			}
			values[axis.Name] = v
		}
		e.each, e.eachOf = cty.ObjectVal(values), e.inst
	}
	return e.each
}

// memoKey tells apart the instances for which an attribute may have different values.
func (e *evaluator) memoKey(a *attribute) string {
	key := e.textsOf(a.each)
	if a.local {
		key += "\x00" + e.names
	}
	return key
}

func (e *evaluator) textsOf(axes []int) string {
	texts := make([]string, len(axes))
	for i, axis := range axes {
		texts[i] = e.inst.texts[axis]
	}
	return strings.Join(texts, ",")
}

// useOwn makes input.NAME, output.NAME and params.file known to the other attributes. After a mistake in
// the names, they are unknown and no further mistakes are made of it.
func (e *evaluator) useOwn(n *dag.Node) {
	var names strings.Builder
	for _, in := range n.Inputs {
		names.WriteString(in.Name + "\x00")
	}
	names.WriteString("\x00")
	for _, out := range n.Outputs {
		names.WriteString(out.Name + "\x00")
	}
	var unknown []string
	for what, ports := range map[string][]stages.Port{"input": e.stage.schema.Inputs, "output": e.stage.schema.Outputs} {
		if slices.ContainsFunc(ports, func(p stages.Port) bool { return p.Form == stages.Keyed && e.failed[p.Name] }) {
			unknown = append(unknown, what)
		}
	}
	slices.Sort(unknown)
	names.WriteString(strings.Join(unknown, "\x00"))
	e.names = names.String()
	if e.shared.own[e.names] == nil {
		e.shared.own[e.names] = ownValues(n, unknown)
	}
}

func ownValues(n *dag.Node, unknown []string) map[string]cty.Value {
	inputs, outputs := map[string]cty.Value{}, map[string]cty.Value{}
	for _, in := range n.Inputs {
		inputs[in.Name] = cty.StringVal(stages.InputPlaceholder(in.Name))
	}
	for _, out := range n.Outputs {
		outputs[out.Name] = cty.StringVal(stages.OutputPlaceholder(out.Name))
	}
	own := map[string]cty.Value{
		"input":  cty.ObjectVal(inputs),
		"output": cty.ObjectVal(outputs),
		"params": cty.ObjectVal(map[string]cty.Value{"file": cty.StringVal(stages.ParamsPlaceholder)}),
	}
	for _, what := range unknown {
		own[what] = cty.DynamicVal
	}
	return own
}

// normalised is the config with defaults filled in. Instances whose config is computed from the same values share
// one.
func (e *evaluator) normalised(config map[string]any) (map[string]any, []error) {
	key, ok := e.configKey(config)
	if normal := e.normal[key]; ok && normal != nil {
		return normal, nil
	}
	normal, errs := e.stage.schema.Normalise(config)
	if ok && len(errs) == 0 {
		e.normal[key] = normal
	}
	return normal, errs
}

// configKey tells apart the instances that may have different configs. It is false where all may.
func (e *evaluator) configKey(config map[string]any) (string, bool) {
	var axes []int
	var key strings.Builder
	for _, a := range e.stage.attrs {
		if _, ok := e.stage.schema.Attribute(a.name); !ok { // an input may be a generated source
			uri, _ := config[a.name].(string)
			key.WriteString(uri + "\x00")
			continue
		}
		if a.artifacts() {
			return "", false
		}
		axes = append(axes, a.each...)
	}
	slices.Sort(axes)
	axes = slices.Compact(axes)
	if len(axes) > 0 && len(axes) == len(e.stage.axes) {
		return "", false
	}
	return key.String() + e.names + "\x00" + e.textsOf(axes), true
}
