package pipelines

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Function describes a function that expressions may call.
type Function struct {
	Name  string
	Usage string // name(parameter, ...)
	Doc   string // one line
}

// Functions lists those that expressions may call, by Terraform's names, sorted. Those that it refuses are not in it.
func Functions() []Function {
	var list []Function
	for name, f := range functions(&module{}) {
		if impure[name] == "" {
			list = append(list, Function{name, usage(name, f), f.Description()})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

func usage(name string, f function.Function) string {
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Name)
	}
	if v := f.VarParam(); v != nil {
		params = append(params, v.Name+"...")
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}

// described is a function and its line in the documentation.
type described struct {
	function.Function
	doc string
}

// functions are those that the expressions of a module may call. All are pure but for reading files, whose content
// ends in the keys with the values made from it. Each call counts as work.
func functions(m *module) map[string]function.Function {
	table := map[string]function.Function{}
	groups := []map[string]described{numberFunctions, textFunctions, collectionFunctions, typeFunctions(m), encodingFunctions,
		hashFunctions, networkFunctions, timeFunctions, fileFunctions(m)}
	for _, group := range groups {
		for name, f := range group {
			table[name] = m.metered(f)
		}
	}
	// Their arguments are expressions and not values, so there is nothing to count before they are evaluated.
	table["can"] = tryfunc.CanFunc.WithNewDescriptions("Whether the expression can be evaluated without an error.", []string{""})
	table["try"] = tryfunc.TryFunc.WithNewDescriptions("The first of the expressions that can be evaluated without an error.", []string{""})
	for name, f := range templateFunctions(m, table) {
		table[name] = m.metered(f)
	}
	for name, why := range impure {
		table[name] = refused(why)
	}
	return table
}

const changing = "it gives another value at every run, so every stage that uses it would run again each time; "

// impure are functions of Terraform's that a pipeline must not call.
var impure = map[string]string{
	"timestamp":       changing + "give the time as a variable",
	"plantimestamp":   changing + "give the time as a variable",
	"uuid":            changing + "make a name of each.AXIS values, or use uuidv5",
	"bcrypt":          changing + "use sha256",
	"ephemeralasnull": "there are no ephemeral values here; take the call away",
	"list":            "it was replaced by brackets; write [a, b]",
	"map":             "it was replaced by braces; write { name = value }",
}

// refused is a function that only explains why it cannot be called.
func refused(why string) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.NilType, errors.New(why)
		},
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, errors.New(why) },
	})
}

var numberFunctions = map[string]described{
	"abs":      {stdlib.AbsoluteFunc, "The number without its sign."},
	"ceil":     {stdlib.CeilFunc, "The least whole number that is not below it."},
	"floor":    {stdlib.FloorFunc, "The greatest whole number that is not above it."},
	"log":      {stdlib.LogFunc, "The logarithm of a number to a base."},
	"max":      {stdlib.MaxFunc, "The greatest of the numbers."},
	"min":      {stdlib.MinFunc, "The least of the numbers."},
	"parseint": {stdlib.ParseIntFunc, "The whole number that a text writes in a base from 2 to 62."},
	"pow":      {stdlib.PowFunc, "The first number to the power of the second."},
	"signum":   {stdlib.SignumFunc, "-1, 0 or 1, by the sign of the number."},
}

// typeFunctions convert values and tell of what type they are.
func typeFunctions(m *module) map[string]described {
	return map[string]described{
		"tobool":   {stdlib.MakeToFunc(cty.Bool), "The value as true or false."},
		"tonumber": {stdlib.MakeToFunc(cty.Number), "The value as a number."},
		"tostring": {stdlib.MakeToFunc(cty.String), "The value as text."},
		"tolist":   {stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "The value as a list."},
		"tomap":    {stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "The value as a map."},
		"toset":    {stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "The value as a set."},
		"type": {function.New(&function.Spec{
			Params: []function.Parameter{anything("value")},
			Type:   function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				v, _ := args[0].Unmark()
				return cty.StringVal(typeexpr.TypeString(v.Type())), nil
			},
		}), "The type of the value, as a variable block would write it."},
		"sensitive": {marking(func(v cty.Value) cty.Value {
			m.p.secrets = append(m.p.secrets, textsIn(v)...)
			return v.Mark(sensitive{})
		}), "The value, hidden in all that is shown."},
		"nonsensitive": {marking(func(v cty.Value) cty.Value {
			v, marks := v.Unmark()
			delete(marks, sensitive{})
			return v.WithMarks(marks)
		}), "The value, shown in messages again; texts of sensitive variables stay hidden."},
		"issensitive": {function.New(&function.Spec{
			Params: []function.Parameter{anything("value")},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return cty.BoolVal(args[0].HasMark(sensitive{})), nil
			},
		}), "Whether the value is sensitive."},
	}
}

// anything is a parameter that takes every value as it is.
func anything(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}
}

func marking(f func(cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anything("value")},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f(args[0]), nil },
	})
}

// text is a function from texts to a text. Its parameters have these names.
func text(f func(args ...string) (string, error), names ...string) function.Function {
	return texts(cty.String, func(args []string) (cty.Value, error) {
		s, err := f(args...)
		return cty.StringVal(s), err
	}, names...)
}

// texts is a function of texts.
func texts(result cty.Type, f func(args []string) (cty.Value, error), names ...string) function.Function {
	var params []function.Parameter
	for _, n := range names {
		params = append(params, function.Parameter{Name: n, Type: cty.String})
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			list := make([]string, len(args))
			for i, a := range args {
				list[i] = a.AsString()
			}
			v, err := f(list)
			if err != nil {
				return cty.NilVal, fmt.Errorf("%w", err)
			}
			return v, nil
		},
	})
}

func test(f func(s, part string) bool, name string) function.Function {
	return texts(cty.Bool, func(args []string) (cty.Value, error) {
		return cty.BoolVal(f(args[0], args[1])), nil
	}, "string", name)
}
