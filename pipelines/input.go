package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// inputs evaluates the stage's inputs for the instance. A generated source (phantom://) goes into config.
func (e *evaluator) inputs(config map[string]any) []dag.Input {
	var list []dag.Input
	for _, port := range e.stage.schema.Inputs {
		a := e.stage.attr(port.Name)
		if a == nil {
			if port.Required && !e.failed[port.Name] {
				e.failed[port.Name] = true
				e.diags = append(e.diags, mistake(e.stage.at, "Missing input", "Stage type %q needs %s: %s Add %s = TYPE.NAME.OUTPUT or a path.", e.stage.Type, port.Name, stopped(port.Doc), port.Name))
			}
			continue
		}
		if a.items != nil {
			list = append(list, e.itemInputs(a, port)...)
			continue
		}
		v, ok := e.value(a)
		if !ok {
			e.failed[a.name] = true
			continue
		}
		if v.IsNull() {
			if port.Required {
				e.report(a, e.explain(a, mistake(a.expr.Range(), "Missing input", "%s is null, but stage type %q needs it: %s Give it a value, or switch the stage off with enabled.", port.Name, e.stage.Type, stopped(port.Doc))))
			}
			continue
		}
		switch port.Form {
		case stages.Keyed:
			list = append(list, e.keyedInputs(a, port, v)...)
		default:
			in, uri := e.input(a, port, port.Name, v)
			if uri != "" {
				config[port.Name] = uri
			} else if in != nil {
				list = append(list, *in)
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// keyedInputs reads inputs = { NAME = artifact or path }.
func (e *evaluator) keyedInputs(a *attribute, port stages.Port, v cty.Value) []dag.Input {
	if asPlaceholder(v) != nil || !isObject(v) {
		e.report(a, e.explain(a, mistake(a.expr.Range(), "Wrong type", "%s names what the stage reads: write %s = { NAME = ... }.", port.Name, port.Name)))
		return nil
	}
	v, _ = v.Unmark()
	var list []dag.Input
	for it := v.ElementIterator(); it.Next(); {
		k, element := it.Element()
		name := keyText(k)
		if !validName(name) {
			e.report(a, mistake(a.expr.Range(), "Invalid input name", "%q is no name for an input: use letters, digits, _ and -.", name))
			continue
		}
		if in, _ := e.input(a, port, name, element); in != nil {
			list = append(list, *in)
		}
	}
	return list
}

// itemInputs is keyedInputs for an attribute that is written out as plain references: nothing needs evaluation.
func (e *evaluator) itemInputs(a *attribute, port stages.Port) []dag.Input {
	if !a.sound || e.failed[a.name] {
		return nil
	}
	list := make([]dag.Input, 0, len(a.items))
	for _, item := range a.items {
		ph := item.ref.place(e.inst)
		if ph == nil {
			return nil
		}
		if in := e.reference(a, port, item.name, ph); in != nil {
			list = append(list, *in)
		}
	}
	return list
}

// input makes one input of a value: a reference, a path, an address to download, or a generated source (the second result).
func (e *evaluator) input(a *attribute, port stages.Port, name string, v cty.Value) (*dag.Input, string) {
	if ph := asPlaceholder(v); ph != nil {
		return e.reference(a, port, name, ph), ""
	}
	v, marks := v.UnmarkDeep()
	if list := placeholders(marks); len(list) > 0 {
		refs := make([]*reference, len(list))
		for i, ph := range list {
			refs[i] = ph.ref
		}
		detail := opaque(refs)
		if port.Form == stages.Gathered {
			detail = "It gathers what one reference all.TYPE.NAME.OUTPUT means; give it that and nothing else."
		}
		e.report(a, mistake(list[0].ref.at, "Artifact in an expression", "%s of %s takes an artifact as it is. %s", name, e.stage.Address(), detail))
		return nil, ""
	}
	if v.IsNull() || v.Type() != cty.String || port.Form == stages.Gathered {
		want := "an artifact (TYPE.NAME.OUTPUT), a path or an hf:// address"
		switch {
		case port.Form == stages.Gathered:
			want = "all.TYPE.NAME.OUTPUT"
		case port.Generated:
			want = "an artifact (TYPE.NAME.OUTPUT), a path, or an hf:// or phantom:// address"
		}
		e.report(a, e.explain(a, mistake(a.expr.Range(), "Wrong type", "%s must be %s, not %s.", name, want, describe(v))))
		return nil, ""
	}
	text := v.AsString()
	if scheme, _, ok := strings.Cut(text, "://"); ok {
		switch scheme {
		case hubScheme:
			return e.download(a, name, text), ""
		case "https":
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Address without a digest",
				"%s is %s. Write a stage \"%s\" that fetches it by its sha256, and refer to the files of that.", name, text, stages.DownloadType)))
			return nil, ""
		case "phantom":
		default:
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Unknown kind of address",
				"%s is %s, but only phantom:// and hf:// addresses can be read here. Download the data and give the path.%s", name, text, suggestOnly(scheme, []string{"phantom", hubScheme}))))
			return nil, ""
		}
		if !port.Generated {
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Generated input", "%s is %s, but stage type %q reads files. Generate it with a stage \"dataset\" and refer to what that makes.", name, text, e.stage.Type)))
			return nil, ""
		}
		return nil, text
	}
	found, tried := e.stage.in.locate(text)
	if found == "" {
		e.report(a, e.explain(a, mistake(a.expr.Range(), "No such file", "%s is %q, and %s. %s", name, text, noneOf(tried), whatToGive(port, text))))
		return nil, ""
	}
	return &dag.Input{Name: name, Path: found}, ""
}

// whatToGive says what to write in the place of a path that leads nowhere: it may be the name of a network.
func whatToGive(port stages.Port, text string) string {
	const path = "Write a path relative to the file, or to the working folder."
	if port.Kind != "model" {
		return path
	}
	for _, m := range stages.Models() {
		if m.Name != text {
			continue
		}
		weights := "give the path of its weights"
		if address, _, _ := strings.Cut(m.Weights, ","); strings.HasPrefix(address, hubScheme+"://") {
			weights = fmt.Sprintf("write %q for its weights", address)
		}
		return fmt.Sprintf("%s is the name of a network: %s, or train it by a stage \"pretrain\".", text, weights)
	}
	return path
}

// noneOf says where a file was looked for: an empty path is looked for nowhere.
func noneOf(tried []string) string {
	switch len(tried) {
	case 0:
		return "an empty path is no file"
	case 1:
		return "there is no " + tried[0]
	}
	return "there is neither " + strings.Join(tried, " nor ")
}

// reference makes an input of a reference, after checking that it fits the port.
func (e *evaluator) reference(a *attribute, port stages.Port, name string, ph *placeholder) *dag.Input {
	r := ph.ref
	switch {
	case ph.missing != "":
		e.report(a, mistake(r.at, "Nothing to read", "%s", ph.missing))
	case !port.Accepts(r.kind):
		e.report(a, mistake(r.at, "Wrong kind of artifact", "%s is of kind %s, and %s of stage type %q takes %s.%s",
			r, r.kind, name, e.stage.Type, strings.ReplaceAll(port.Kind, ",", " or "), e.stage.in.suggestKind(port, r.target)))
	case r.all && port.Form == stages.Single:
		remedy := "Write " + r.narrow(e.stage.in)
		if len(r.joins) < len(r.target.axes) {
			remedy += ", with " + r.chosen(e.stage)
		} else {
			remedy += " for the instance that agrees with this one."
		}
		e.report(a, mistake(r.at, "Several artifacts for one input", "%s takes one artifact, and %s gathers several. %s", name, r, remedy))
	case !r.all && port.Form == stages.Gathered:
		e.report(a, mistake(r.at, "One artifact for several", "%s gathers artifacts. Write %s.", name, r.wide(e.stage.in)))
	case ph.group != nil:
		e.groups[ph.group.address] = ph.group.vertex()
		return &dag.Input{Name: name, Group: ph.group.address}
	default:
		return &dag.Input{Name: name, From: &dag.Ref{Address: ph.from.Address, Output: r.output}}
	}
	return nil
}

// suggestKind proposes an output of a fitting kind: of the same stage, else of any.
func (m *module) suggestKind(port stages.Port, target *Stage) string {
	for _, s := range append([]*Stage{target}, m.stages...) {
		for _, o := range s.outputs {
			if o.Kind != "" && port.Accepts(o.Kind) {
				return " Did you mean " + s.seenFrom(m) + "." + o.Name + "?"
			}
		}
	}
	return ""
}

// locate finds the file or folder that a path means: relative to the module's folder, else to those of the modules
// that it is in, since the path may be an argument, else to the working folder. It returns the absolute path, or ""
// and where it looked.
func (m *module) locate(path string) (found string, tried []string) {
	var dirs []string
	for up := m; up != nil; up = up.parent {
		dirs = append(dirs, up.dir)
	}
	for _, dir := range append(dirs, ".") {
		full, err := filepath.Abs(under(dir, path))
		if err != nil || path == "" {
			continue
		}
		if _, err := os.Stat(full); err == nil {
			return full, nil
		}
		if !has(tried, full) {
			tried = append(tried, full)
		}
	}
	return "", tried
}
