package pipelines

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var textFunctions = map[string]described{
	"chomp":       {stdlib.ChompFunc, "The text without newlines at its end."},
	"endswith":    {test(strings.HasSuffix, "suffix"), "Whether the text ends with the suffix."},
	"format":      {formatted(stdlib.FormatFunc), "A text with values in the places of %s, %d, %.3f and the like."},
	"formatlist":  {formatted(stdlib.FormatListFunc), "format for every element of lists."},
	"indent":      {indentFunc, "The text with spaces before each line but the first."},
	"join":        {joinFunc, "The elements of lists as one text, with a separator between them."},
	"lower":       {stdlib.LowerFunc, "The text in small letters."},
	"regex":       {stdlib.RegexFunc, "What a regular expression matches first: a text, or its groups."},
	"regexall":    {stdlib.RegexAllFunc, "All that a regular expression matches."},
	"replace":     {replaceFunc, "The text with each part replaced; a part between slashes is a regular expression."},
	"split":       {stdlib.SplitFunc, "The parts of a text between separators."},
	"startswith":  {test(strings.HasPrefix, "prefix"), "Whether the text starts with the prefix."},
	"strcontains": {test(strings.Contains, "substr"), "Whether the text contains the part."},
	"strrev":      {stdlib.ReverseFunc, "The characters in the opposite order."},
	"substr":      {stdlib.SubstrFunc, "Some characters of the text, by offset and length."},
	"title":       {stdlib.TitleFunc, "The text with a capital at the start of each word."},
	"trim":        {stdlib.TrimFunc, "The text without these characters at both ends."},
	"trimprefix":  {stdlib.TrimPrefixFunc, "The text without the prefix."},
	"trimspace":   {stdlib.TrimSpaceFunc, "The text without white space at both ends."},
	"trimsuffix":  {stdlib.TrimSuffixFunc, "The text without the suffix."},
	"upper":       {stdlib.UpperFunc, "The text in capitals."},
}

// checkText bounds a text before it is made.
func checkText(length int) error {
	if length > largestText || length < 0 {
		return fmt.Errorf("the text would have more than %d MiB; keep large texts in a file and read it in a stage", largestText>>20)
	}
	return nil
}

// wide finds the widths and precisions in a format.
var wide = regexp.MustCompile(`%[-+# 0]*(\d*)(?:\.(\d*))?`)

// formatted is format or formatlist with a bound on widths.
func formatted(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(), VarParam: f.VarParam(), Type: f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].IsKnown() && !args[0].IsNull() && args[0].Type() == cty.String {
				for _, m := range wide.FindAllStringSubmatch(args[0].AsString(), -1) {
					for _, digits := range m[1:] {
						if n, err := strconv.Atoi(digits); digits != "" && (err != nil || n > 1000) {
							return cty.NilVal, function.NewArgErrorf(0, "%s is wider than 1000 characters; take a smaller width", m[0])
						}
					}
				}
			}
			return f.Call(args)
		},
	})
}

var indentFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "spaces", Type: cty.Number}, {Name: "string", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		n, _ := args[0].AsBigFloat().Int64()
		if n < 0 || n > 1000 {
			return cty.NilVal, function.NewArgErrorf(0, "must be from 0 to 1000 spaces")
		}
		s := args[1].AsString()
		if err := checkText(len(s) + int(n)*strings.Count(s, "\n")); err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", int(n)))), nil
	},
})

var joinFunc = function.New(&function.Spec{
	Params: stdlib.JoinFunc.Params(), VarParam: stdlib.JoinFunc.VarParam(), Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		n := 0
		for _, list := range args[1:] {
			if list.IsKnown() && !list.IsNull() {
				n += list.LengthInt() * len(args[0].AsString())
				if err := checkText(n); err != nil {
					return cty.NilVal, err
				}
			}
		}
		return stdlib.JoinFunc.Call(args)
	},
})

var replaceFunc = text(func(args ...string) (string, error) {
	s, part, with := args[0], args[1], args[2]
	if len(part) > 1 && strings.HasPrefix(part, "/") && strings.HasSuffix(part, "/") {
		re, err := regexp.Compile(part[1 : len(part)-1])
		if err != nil {
			return "", err
		}
		// A reference such as $1 adds the matched text once for every match.
		if err := checkText(len(s)*(1+strings.Count(with, "$")) + len(re.FindAllStringIndex(s, -1))*len(with)); err != nil {
			return "", err
		}
		return re.ReplaceAllString(s, with), nil
	}
	if err := checkText(len(s) + strings.Count(s, part)*len(with)); err != nil {
		return "", err
	}
	return strings.ReplaceAll(s, part, with), nil
}, "string", "part", "replacement")

// templateFunctions fill templates. table are the functions that a template may call, which these are not among.
func templateFunctions(m *module, table map[string]function.Function) map[string]described {
	inner := make(map[string]function.Function, len(table))
	for name, f := range table {
		inner[name] = f
	}
	inner["templatefile"] = refused("a template cannot fill another one; call templatefile in the pipeline and pass the text")
	inner["templatestring"] = refused("a template cannot fill another one; call templatestring in the pipeline and pass the text")
	fill := func(name, text string, vars cty.Value) (cty.Value, error) {
		if err := checkNesting(name, []byte("\""+text+"\"")); err != nil {
			return cty.NilVal, fmt.Errorf("%s", err.Detail)
		}
		expr, diags := hclsyntax.ParseTemplate([]byte(text), name, hcl.InitialPos)
		if diags.HasErrors() {
			return cty.NilVal, diags
		}
		if diags := m.meter().install(expr); diags.HasErrors() {
			return cty.NilVal, diags
		}
		ctx := &hcl.EvalContext{Functions: inner, Variables: vars.AsValueMap()}
		for _, t := range expr.Variables() {
			if _, ok := ctx.Variables[t.RootName()]; !ok {
				var names []string
				for n := range ctx.Variables {
					names = append(names, n)
				}
				return cty.NilVal, fmt.Errorf("%s uses %q, which it is not given.%s", place(t.SourceRange()), t.RootName(), didYouMean(t.RootName(), sorted(names)))
			}
		}
		v, diags := expr.Value(ctx)
		if diags.HasErrors() {
			return cty.NilVal, diags
		}
		return v, nil
	}
	filled := func(first string, read func(string) (name, text string, err error)) function.Function {
		return function.New(&function.Spec{
			Params: []function.Parameter{{Name: first, Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
			Type:   function.StaticReturnType(cty.DynamicPseudoType),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				if !isObject(args[1]) {
					return cty.NilVal, function.NewArgErrorf(1, "must be an object: { NAME = VALUE }")
				}
				name, text, err := read(args[0].AsString())
				if err != nil {
					return cty.NilVal, function.NewArgError(0, err)
				}
				return fill(name, text, args[1])
			},
		})
	}
	return map[string]described{
		"templatefile": {filled("path", func(path string) (string, string, error) {
			text, err := m.readText(path)
			return path, text, err
		}), "A file with the values of an object in the places of ${NAME}."},
		"templatestring": {filled("template", func(text string) (string, string, error) {
			return "the template", text, nil
		}), "A text with the values of an object in the places of ${NAME}."},
	}
}
