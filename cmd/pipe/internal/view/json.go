package view

import (
	"encoding/json"
	"io"
	"sort"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

// Format is the version of the JSON lines. It changes when a program that reads them would break.
const Format = 1

// JSON writes one object a line.
type JSON struct {
	enc     *json.Encoder
	started bool // the version line is written
}

// NewJSON writes to w, beginning with the version line.
func NewJSON(w io.Writer, mask *Mask) *JSON {
	j := &JSON{enc: json.NewEncoder(mask.writer(w))}
	j.enc.SetEscapeHTML(false)
	return j
}

// write writes a line. There is no one to tell if that fails; a closed pipe ends the program anyway.
func (j *JSON) write(v any) {
	j.begin()
	_ = j.enc.Encode(v)
}

func (j *JSON) begin() {
	if j.started {
		return
	}
	j.started = true
	_ = j.enc.Encode(struct {
		Type   string `json:"type"`
		Pipe   string `json:"pipe"`
		Format int    `json:"format"`
	}{"version", pipelines.Version, Format})
}

// Close writes the version line of a verb that had nothing to tell.
func (j *JSON) Close() { j.begin() }

// Error writes {"type":"error"}.
func (j *JSON) Error(err error) {
	j.write(struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}{"error", err.Error()})
}

// Warning writes {"type":"warning"}, as the event of a run.
func (j *JSON) Warning(text string) {
	j.write(struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}{dag.EventWarning, text})
}

// Run passes the engine's events on.
func (j *JSON) Run(*dag.Graph) Run { return jsonRun{j} }

type jsonRun struct{ j *JSON }

func (r jsonRun) Event(e dag.Event) { r.j.write(e) }
func (r jsonRun) Close()            {}

// Plan writes a line an instance, then the counts.
func (j *JSON) Plan(p *dag.Plan, kept string) {
	for _, a := range p.Actions {
		j.write(struct {
			Type    string     `json:"type"`
			Address string     `json:"address"`
			Stage   string     `json:"stage"`
			Axes    []dag.Axis `json:"axes,omitempty"`
			State   string     `json:"state"`
			Remote  bool       `json:"remote,omitempty"`
			Reason  string     `json:"reason,omitempty"`
			Key     string     `json:"key,omitempty"`
			Waits   []string   `json:"waits,omitempty"`
			Expect  float64    `json:"expected_seconds,omitempty"`
		}{"planned_action", a.Node.Address, a.Node.Stage, a.Node.Axes, a.State, a.Remote, a.Reason, a.Key, a.Waits, a.Expect})
	}
	j.write(struct {
		Type string `json:"type"`
		dag.PlanSummary
		Kept string `json:"kept,omitempty"`
	}{"summary", p.Summary(), kept})
}

// Why writes a line an explanation.
func (j *JSON) Why(all []*dag.Explanation) {
	for _, x := range all {
		j.write(struct {
			Type string `json:"type"`
			*dag.Explanation
		}{"explanation", x})
	}
}

// Pipeline writes a line a variable, stage and output.
func (j *JSON) Pipeline(p *pipelines.Pipeline, x *pipelines.Expansion) {
	for _, v := range p.Variables {
		j.write(struct {
			Type        string `json:"type"`
			Name        string `json:"name"`
			Description string `json:"description,omitempty"`
			Value       string `json:"value"`
		}{"variable", v.Name, v.Description, shownVariable(v)})
	}
	for _, m := range p.Modules() {
		j.write(struct {
			Type   string `json:"type"`
			Module string `json:"module"`
			Source string `json:"source"`
		}{"module", m.Address, m.Source})
	}
	for _, s := range p.Stages {
		j.write(struct {
			Type      string `json:"type"`
			Stage     string `json:"stage"`
			Instances int    `json:"instances"`
		}{"stage", s.Address(), countOf(x.Nodes, s.Address())})
	}
	for _, pub := range x.Publications {
		j.write(struct {
			Type    string `json:"type"`
			Name    string `json:"name"`
			Address string `json:"address"`
			Output  string `json:"output"`
			Path    string `json:"path"`
		}{"output", pub.Name, pub.Ref.Address, pub.Ref.Output, pub.Path})
	}
}

// Runs writes a line a run.
func (j *JSON) Runs(runs []dag.Run) {
	for _, r := range runs {
		j.write(struct {
			Type     string       `json:"type"`
			ID       string       `json:"id"`
			State    string       `json:"state"`
			Command  []string     `json:"command"`
			Host     string       `json:"host"`
			Started  any          `json:"started"`
			Finished any          `json:"finished,omitempty"`
			Summary  *dag.Summary `json:"summary"`
		}{"run", r.ID, r.State, r.Command, r.Host, r.Started, nonZero(r.Finished), r.Summary})
	}
}

// Journal writes the lines of a journal; the first one also tells how the run stands.
func (j *JSON) Journal(run dag.Run, entries []dag.Entry) {
	for _, e := range entries {
		switch e.Type {
		case "run":
			j.write(struct {
				Type    string   `json:"type"`
				Time    any      `json:"time"`
				ID      string   `json:"id"`
				State   string   `json:"state"`
				Command []string `json:"command,omitempty"`
				Host    string   `json:"host"`
				Owner   string   `json:"owner,omitempty"`
			}{e.Type, e.Time, run.ID, run.State, e.Command, e.Host, e.Owner})
		case "cached":
			j.write(struct {
				Type string            `json:"type"`
				Time any               `json:"time"`
				Keys map[string]string `json:"keys"`
			}{e.Type, e.Time, e.Keys})
		default:
			j.write(e.Event)
		}
	}
}

// Log writes the whole log in one line.
func (j *JSON) Log(address, path, text string) {
	j.write(struct {
		Type    string `json:"type"`
		Address string `json:"address"`
		Path    string `json:"path"`
		Text    string `json:"text"`
	}{"log", address, path, text})
}

// LogLine writes a line of a log.
func (j *JSON) LogLine(address, line string) {
	j.write(struct {
		Type    string `json:"type"`
		Address string `json:"address"`
		Text    string `json:"text"`
	}{"log_line", address, line})
}

// Graph writes a drawing in one line.
func (j *JSON) Graph(format, path, text string) {
	j.write(struct {
		Type   string `json:"type"`
		Format string `json:"format"`
		Path   string `json:"path,omitempty"`
		Text   string `json:"text,omitempty"`
	}{"graph", format, path, text})
}

// Formatted writes a file that fmt changed, or would change.
func (j *JSON) Formatted(file string, diff []byte) {
	j.write(struct {
		Type string `json:"type"`
		File string `json:"file"`
		Diff string `json:"diff,omitempty"`
	}{"formatted", file, string(diff)})
}

// Source writes formatted source in one line.
func (j *JSON) Source(text string) {
	j.write(struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}{"source", text})
}

// Types writes a line a stage type and a shipped pipeline.
func (j *JSON) Types(types []stages.Type, shipped []string) {
	for _, t := range types {
		j.write(struct {
			Type    string `json:"type"`
			Name    string `json:"name"`
			Version int    `json:"version"`
			Doc     string `json:"doc"`
		}{"stage_type", t.Name, t.Version, t.Doc})
	}
	for _, name := range shipped {
		j.write(struct {
			Type string `json:"type"`
			Name string `json:"name"`
		}{"pipeline", name})
	}
}

// Schema writes a stage type's attributes and ports.
func (j *JSON) Schema(s stages.Schema) {
	j.write(struct {
		Type       string             `json:"type"`
		Name       string             `json:"name"`
		Version    int                `json:"version"`
		Doc        string             `json:"doc"`
		Attributes []stages.Attribute `json:"attributes"`
		Inputs     []stages.Port      `json:"inputs"`
		Outputs    []stages.Port      `json:"outputs"`
	}{"schema", s.Type.Name, s.Type.Version, s.Type.Doc, s.Attributes, s.Inputs, s.Outputs})
}

// Settings writes a block's attributes likewise.
func (j *JSON) Settings(_ string, s stages.Schema) { j.Schema(s) }

// Script writes a completion script in one line.
func (j *JSON) Script(shell, text string) {
	j.write(struct {
		Type  string `json:"type"`
		Shell string `json:"shell"`
		Text  string `json:"text"`
	}{"script", shell, text})
}

// Version adds what the first line leaves out.
func (j *JSON) Version(v Version) {
	j.write(struct {
		Type string `json:"type"`
		Version
	}{"build", v})
}

// instances counts the nodes that are not virtual.
func instances(nodes []*dag.Node) int {
	n := 0
	for _, node := range nodes {
		if !node.Virtual() {
			n++
		}
	}
	return n
}

func countOf(nodes []*dag.Node, stage string) int {
	n := 0
	for _, node := range nodes {
		if node.Stage == stage {
			n++
		}
	}
	return n
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
