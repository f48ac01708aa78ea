package pipelines

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What a pipeline can ask for is bounded, so that a slip ends in a diagnostic and not in a machine without memory.
const (
	largestFile   = 4 << 20     // bytes of an .hcl file
	deepest       = 500         // expressions in expressions
	largestText   = 16 << 20    // bytes of a text value
	largestValue  = 1_000_000   // elements in a value, counting those of its elements
	longestRange  = 100_000     // numbers of one range, combinations of one setproduct
	mostSteps     = 500_000     // of for and elements given to functions and by them, in one expression
	mostWork      = 200_000_000 // the same in all expressions
	mostKept      = 10_000_000  // elements in the values of all expressions
	largestNumber = 1 << 16     // binary exponent: far beyond what can be stored, and still quick to write
)

// checkNesting tells whether the text nests deeper than the parser, which calls itself, should follow. An upper bound
// of the depth is read off the tokens: brackets that are open, and operators since the last comma.
func checkNesting(name string, text []byte) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos) // mistakes are the parser's to tell
	type level struct {
		operators int
		lines     bool // a line in it is an attribute of its own
	}
	levels := []level{{lines: true}} // of the open brackets
	depth := 0
	for _, t := range tokens {
		here := &levels[len(levels)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			levels = append(levels, level{lines: t.Type == hclsyntax.TokenOBrace})
			depth++
			if t.Type == hclsyntax.TokenOBrack || t.Type == hclsyntax.TokenTemplateControl {
				here.operators++ // a[0][0] is an index of an index, and %{ if } holds what follows it
				depth++
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if last := len(levels) - 1; last > 0 {
				depth -= 1 + here.operators
				levels = levels[:last]
			}
		case hclsyntax.TokenComma, hclsyntax.TokenNewline, hclsyntax.TokenComment:
			if t.Type == hclsyntax.TokenComma || here.lines && t.Bytes[len(t.Bytes)-1] == '\n' {
				depth -= here.operators
				here.operators = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenEOF:
		default:
			here.operators++
			depth++
		}
		if depth > deepest {
			return mistake(t.Range, "Nested too deeply", "Expressions are nested more than %d deep, or joined by as many operators. Give parts of it names in a locals block.", deepest)
		}
	}
	return nil
}

// meter counts the work of evaluating a pipeline.
type meter struct {
	steps int // of the expression
	work  int
	kept  int
}

func (w *meter) charge(n int) error {
	w.steps += n
	w.work += n
	switch {
	case w.steps > mostSteps:
		return fmt.Errorf("the expression takes more than %d steps to compute; shorten the lists that are combined with each other", mostSteps)
	case w.work > mostWork:
		return fmt.Errorf("the expressions of the pipeline take more than %d steps to compute together; shorten the lists that are combined with each other", mostWork)
	}
	return nil
}

// evaluate is choose with bounds on the work and on the value.
func (w *meter) evaluate(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	w.steps = 0
	v, diags := choose(expr, ctx)
	if diags.HasErrors() {
		return v, diags
	}
	n, err := sizeOf(v)
	if w.kept += n; err == nil && w.kept > mostKept {
		err = fmt.Errorf("the values of the pipeline have more than %d elements together; take shorter lists, or read data in a stage", mostKept)
	}
	if err != nil {
		return cty.DynamicVal, append(diags, mistake(expr.Range(), "Too much to compute", "%s", sentence(err)))
	}
	return v, diags
}

// meter is that of the pipeline. The functions are also listed without one.
func (m *module) meter() *meter {
	if m.p == nil {
		return &meter{}
	}
	return &m.p.work
}

// metered is a function whose calls are counted and whose results are bounded.
func (m *module) metered(f described) function.Function {
	return function.New(&function.Spec{
		Description: f.doc, Params: f.Params(), VarParam: f.VarParam(), Type: f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			work := 1
			for _, a := range args {
				work += width(a)
			}
			if err := m.meter().charge(work); err != nil {
				return cty.NilVal, err
			}
			v, err := f.Call(args)
			if err != nil {
				return cty.NilVal, err
			}
			if err := m.meter().charge(width(v)); err != nil {
				return cty.NilVal, err
			}
			_, err = sizeOf(v)
			return v, err
		},
	})
}

// width is what a value costs to go through once, without what is in its elements.
func width(v cty.Value) int {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown() || v.IsNull():
	case v.Type() == cty.String:
		return len(v.AsString()) / 64
	case v.CanIterateElements():
		return v.LengthInt()
	}
	return 0
}

// sizeOf counts the elements of a value, or tells that it is too large to go on with. What a value shares with itself counts every time, since
// whoever walks through it sees it every time.
func sizeOf(v cty.Value) (int, error) {
	left, text := largestValue, largestText
	var walk func(cty.Value) error
	walk = func(v cty.Value) error {
		v, _ = v.Unmark()
		if left--; left < 0 {
			return fmt.Errorf("the value would have more than %d elements; take shorter lists", largestValue)
		}
		if v.IsNull() || !v.IsKnown() {
			return nil
		}
		switch t := v.Type(); {
		case t == cty.String:
			if text -= len(v.AsString()); text < 0 {
				return checkText(largestText + 1)
			}
		case t == cty.Number:
			if f := v.AsBigFloat(); f.IsInf() {
				return errors.New("the number is infinite; see that nothing is divided by 0")
			} else if e := f.MantExp(nil); e > largestNumber || e < -largestNumber {
				return errors.New("the number is too large or too close to 0. Take one that 64 bits can hold")
			}
		case v.CanIterateElements():
			for it := v.ElementIterator(); it.Next(); {
				_, e := it.Element()
				if err := walk(e); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := walk(v)
	return largestValue - left, err
}

// install bounds the work of what a syntax tree can repeat: for expressions. It also finds numbers that take too long to
// write.
func (w *meter) install(tree hclsyntax.Node) hcl.Diagnostics {
	return hclsyntax.VisitAll(tree, func(n hclsyntax.Node) hcl.Diagnostics {
		switch x := n.(type) {
		case *hclsyntax.ForExpr:
			if _, done := x.CollExpr.(*repeated); !done {
				x.CollExpr = &repeated{x.CollExpr, w}
			}
		case *hclsyntax.LiteralValueExpr:
			if _, err := sizeOf(x.Val); err != nil {
				return hcl.Diagnostics{mistake(x.SrcRange, "Invalid number", "%s", sentence(err))}
			}
		}
		return nil
	})
}

// repeated is the collection of a for expression, whose elements are counted.
type repeated struct {
	hclsyntax.Expression
	work *meter
}

func (r *repeated) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := r.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	_, err := sizeOf(v)
	if err == nil {
		err = r.work.charge(1 + width(v))
	}
	if err != nil {
		return cty.DynamicVal, append(diags, mistake(r.Range(), "Too much to compute", "%s", sentence(err)))
	}
	return v, diags
}
