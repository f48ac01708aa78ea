package pipelines

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// hubScheme begins the addresses that an input takes in the place of a path.
const hubScheme = "hf"

// downloadStage is the stage whose instances are what inputs name by address; its one axis is the address.
const downloadStage = stages.DownloadType + ".hf"

// download makes an input of an address: the files that an instance of the stage type download fetches, one for all that
// name the same. It is nil if the address is not sound.
func (e *evaluator) download(a *attribute, name, address string) *dag.Input {
	t, _ := stages.Lookup(stages.DownloadType)
	schema := stages.SchemaOf(t)
	axes := []dag.Axis{{Name: "source", Value: address}}
	n := &dag.Node{
		Address: Address(downloadStage, axes), Stage: downloadStage, Axes: axes, Type: t.Name, Version: t.Version,
		Resources: dag.Resources{CPUs: max(1, t.CPUs), Memory: t.Memory},
	}
	at := a.expr.Range()
	n.Pos = map[string]dag.Pos{"": position(at), "source": position(at)}
	for _, port := range schema.Outputs {
		path := port.Path
		if path == "" {
			path = port.Name
		}
		n.Outputs = append(n.Outputs, dag.Output{Name: port.Name, Kind: port.Kind, Path: path})
	}
	config, errs := schema.Normalise(map[string]any{"source": address})
	if len(errs) == 0 {
		n.Config = config
		_, errs = schema.Stage(config, nil)
	}
	for _, err := range errs {
		e.report(a, e.explain(a, mistake(at, "Invalid address", "%s: %s", name, stopped(strings.TrimPrefix(err.Error(), "source: ")))))
	}
	if len(errs) > 0 {
		return nil
	}
	if e.groups[n.Address] == nil {
		e.groups[n.Address] = n
	}
	return &dag.Input{Name: name, From: &dag.Ref{Address: n.Address, Output: schema.Outputs[0].Name}}
}

// position is where something is written, as dag tells it.
func position(at hcl.Range) dag.Pos { return dag.Pos{File: at.Filename, Line: at.Start.Line} }
