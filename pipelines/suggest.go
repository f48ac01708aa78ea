package pipelines

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// nearest returns the candidate that name is most likely a misspelling of, or "".
func nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, c := range candidates {
		d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(c), nil)
		if d < bestDistance && d < len(c) {
			best, bestDistance = c, d
		}
	}
	return best
}

// DidYouMean ends a message about a name that is none of the candidates: with the nearest, or with all of them.
func DidYouMean(name string, candidates []string) string { return didYouMean(name, candidates) }

// didYouMean ends a message about an unknown name: with a suggestion if one is near, else with the choices.
func didYouMean(name string, candidates []string) string {
	if s := nearest(name, candidates); s != "" {
		return fmt.Sprintf(" Did you mean %q?", s)
	}
	if len(candidates) == 0 {
		return ""
	}
	return " Known: " + listing(candidates) + "."
}

// orDeclare is didYouMean; where there is nothing to choose from, it says how to declare the name.
func orDeclare(name string, candidates []string, declaration string) string {
	if len(candidates) == 0 {
		return " Add " + fmt.Sprintf(declaration, name) + "."
	}
	return didYouMean(name, candidates)
}

// listing joins names for a message, cutting a long list.
func listing(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// mistake makes an error diagnostic about a place in the files.
func mistake(at hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at}
}

// caution makes a warning diagnostic about a place in the files.
func caution(at hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	d := mistake(at, summary, format, args...)
	d.Severity = hcl.DiagWarning
	return d
}

// SortDiagnostics orders diagnostics by their place, drops repetitions, and puts those without a place first.
func SortDiagnostics(diags hcl.Diagnostics) hcl.Diagnostics {
	sort.SliceStable(diags, func(i, j int) bool {
		a, b := diags[i].Subject, diags[j].Subject
		switch {
		case a == nil || b == nil:
			return a == nil && b != nil
		case a.Filename != b.Filename:
			return a.Filename < b.Filename
		case a.Start.Byte != b.Start.Byte:
			return a.Start.Byte < b.Start.Byte
		}
		return diags[i].Summary < diags[j].Summary
	})
	for _, d := range diags {
		addRemedy(d)
	}
	var out hcl.Diagnostics
	seen := map[string]bool{}
	for _, d := range diags {
		text := d.Error()
		if !seen[text] {
			seen[text] = true
			out = append(out, d)
		}
	}
	return out
}

// unknownFunction finds the name in HCL's message.
var unknownFunction = regexp.MustCompile(`^There is no function named "([^"]+)"\.$`)

// addRemedy completes messages of HCL that say what is wrong and not what to do.
func addRemedy(d *hcl.Diagnostic) {
	switch {
	case d.Summary == "Call to unknown function":
		if m := unknownFunction.FindStringSubmatch(d.Detail); m != nil {
			hint := " See pipe docs functions."
			var names []string
			for _, f := range Functions() {
				names = append(names, f.Name)
			}
			if near := suggestOnly(m[1], append(names, sorted(slices.Collect(maps.Keys(impure)))...)); near != "" {
				hint = near
			}
			d.Detail += hint
		}
	case d.Summary == "Unsupported attribute" && strings.HasSuffix(d.Detail, `".`):
		d.Detail += " Write the name of one that it has."
	case d.Summary == "Invalid type specification" && !strings.Contains(d.Detail, typeHint):
		d.Detail = stopped(d.Detail) + typeHint
	}
}

const typeHint = " Write string, number, bool, list(TYPE), map(TYPE), set(TYPE), object({ NAME = TYPE }) or any."
