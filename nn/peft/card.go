package peft

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// sources are the methods' files, whose documentation is their cards: it has one place.
//
//go:embed *.go
var sources embed.FS

// Card is what the method's file says of it, by paragraph: what it computes and where, initial values, the paper and the reference
// code, deviations and known mistakes of published code, counts.
func Card(method string) ([]string, error) {
	if _, err := Lookup(method); err != nil {
		return nil, err
	}
	text, err := sources.ReadFile(method + ".go")
	if err != nil {
		return nil, fmt.Errorf("card of %s: %w", method, err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), method+".go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("card of %s: %w", method, err)
	}
	for _, d := range f.Decls {
		if t, ok := d.(*ast.GenDecl); ok && t.Tok == token.TYPE && t.Doc != nil {
			return paragraphs(t.Doc.Text()), nil
		}
	}
	return nil, fmt.Errorf("card of %s: its file documents no config", method)
}

// paragraphs are those of a comment, each on one line.
func paragraphs(text string) (out []string) {
	for _, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		out = append(out, strings.Join(strings.Fields(p), " "))
	}
	return out
}
