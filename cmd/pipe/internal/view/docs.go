package view

import (
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

// Types lists the stage types and the shipped pipelines.
func (h *Human) Types(types []stages.Type, shipped []string) {
	h.printf("%s\n", h.style.paint(bold, "Stage types"))
	var rows []string
	for _, t := range types {
		doc, _, _ := strings.Cut(t.Doc, "\n")
		rows = append(rows, "  "+t.Name+"\t"+doc)
	}
	h.table(rows...)
	rows = nil
	for _, name := range shipped {
		rows = append(rows, "  "+name)
	}
	h.section("Shipped pipelines", rows)
	h.printf("\npipe docs TYPE describes one; pipe docs executor describes the block that runs stages on a cluster, pipe docs cache the one\nfor a cache that machines share; pipe docs models lists the networks, pipe docs peft the fine-tuning methods.\n")
}

// Settings describes a block that makes no stage; head is how it begins.
func (h *Human) Settings(head string, s stages.Schema) {
	h.printf("%s: %s\n", h.style.paint(bold, head), s.Type.Doc)
	h.attributes(s)
}

// Schema describes a stage type.
func (h *Human) Schema(s stages.Schema) {
	t := s.Type
	h.printf("%s (version %d): %s\n", h.style.paint(bold, `stage "`+t.Name+`" "NAME"`), t.Version, t.Doc)
	var rows []string
	for _, p := range s.Inputs {
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s", p.Name, inputKind(p), p.Doc))
	}
	h.section("Inputs", rows)
	h.attributes(s)
	rows = nil
	for _, p := range s.Outputs {
		kind := p.Kind
		if p.Form == stages.Keyed {
			kind = "map of file names"
		}
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s", p.Name, kind, p.Doc))
	}
	h.section("Outputs", rows)
	h.printf("\nDefault resources: %s, %s memory.\n", count(max(1, t.CPUs), "processor"), size(t.Memory))
}

func (h *Human) attributes(s stages.Schema) {
	var rows []string
	for _, a := range s.Attributes {
		kind, doc := attributeKind(a), a.Doc
		if len(a.Enum) > manyValues {
			doc += " One of: " + strings.Join(a.Enum, ", ") + "."
		}
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s", a.Name, kind, doc))
	}
	h.section("Attributes", rows)
}

func inputKind(p stages.Port) string {
	kind := strings.ReplaceAll(p.Kind, ",", " or ")
	if kind == "" {
		kind = "anything"
	}
	switch p.Form {
	case stages.Gathered:
		kind = "all of " + kind
	case stages.Keyed:
		kind = "map of " + kind
	}
	if !p.Required {
		kind += ", optional"
	}
	return kind
}

// manyValues is how many allowed values would make the column of kinds too wide.
const manyValues = 8

func attributeKind(a stages.Attribute) string {
	kind := string(a.Kind)
	if a.Elem != "" {
		kind += " of " + string(a.Elem)
	}
	if n := len(a.Enum); n > 0 && n <= manyValues {
		kind += ": " + strings.Join(a.Enum, ", ")
	}
	switch {
	case a.Min != nil && a.Max != nil:
		kind += fmt.Sprintf(", %v to %v", *a.Min, *a.Max)
	case a.Min != nil:
		kind += fmt.Sprintf(", at least %v", *a.Min)
	case a.Max != nil:
		kind += fmt.Sprintf(", at most %v", *a.Max)
	}
	switch {
	case a.Required:
		kind += ", required"
	case a.Default != nil:
		kind += ", default " + jsonText(a.Default)
	default:
		kind += ", optional"
	}
	return kind
}

// Functions writes a line a function.
func (h *Human) Functions(list []pipelines.Function) {
	var rows []string
	for _, f := range list {
		rows = append(rows, f.Usage+"\t"+f.Doc)
	}
	h.table(rows...)
}

// Functions writes a line a function.
func (j *JSON) Functions(list []pipelines.Function) {
	for _, f := range list {
		j.write(struct {
			Type  string `json:"type"`
			Name  string `json:"name"`
			Usage string `json:"usage"`
			Doc   string `json:"doc"`
		}{"function", f.Name, f.Usage, f.Doc})
	}
}
