package pipelines

import (
	"errors"
	"fmt"
	"math/big"
	"sort"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var collectionFunctions = map[string]described{
	"alltrue":         {fold(true, func(a, b bool) bool { return a && b }), "Whether all elements are true."},
	"anytrue":         {fold(false, func(a, b bool) bool { return a || b }), "Whether an element is true."},
	"chunklist":       {stdlib.ChunklistFunc, "The list in pieces of at most this size."},
	"coalesce":        {coalesceFunc, "The first value that is neither null nor empty text."},
	"coalescelist":    {stdlib.CoalesceListFunc, "The first list that is not empty."},
	"compact":         {stdlib.CompactFunc, "The list without null and empty texts."},
	"concat":          {stdlib.ConcatFunc, "The lists one after the other."},
	"contains":        {stdlib.ContainsFunc, "Whether the list holds the value."},
	"distinct":        {distinctFunc, "The list with each value once, where it comes first."},
	"element":         {stdlib.ElementFunc, "The element at an index, counted round the end."},
	"flatten":         {stdlib.FlattenFunc, "The elements of lists in lists as one list."},
	"index":           {indexFunc, "The position of a value in a list."},
	"keys":            {stdlib.KeysFunc, "The names in an object or map, sorted."},
	"length":          {lengthFunc, "How many elements a collection has, or characters a text."},
	"lookup":          {lookupFunc, "The value of a name in a map, or the default."},
	"matchkeys":       {matchkeysFunc, "The values whose keys, at the same place, are among those searched."},
	"merge":           {stdlib.MergeFunc, "The objects as one; later ones win."},
	"one":             {oneFunc, "The only element of a list, or null if there is none."},
	"range":           {rangeFunc, "Numbers from start (0) up to limit, without it, by step (1)."},
	"reverse":         {stdlib.ReverseListFunc, "The list in the opposite order."},
	"setintersection": {stdlib.SetIntersectionFunc, "The values that all the sets hold."},
	"setproduct":      {setproductFunc, "All combinations of an element of each list."},
	"setsubtract":     {stdlib.SetSubtractFunc, "The values of the first set that the second does not hold."},
	"setunion":        {stdlib.SetUnionFunc, "The values that one of the sets holds."},
	"slice":           {stdlib.SliceFunc, "The elements from start up to end, without that."},
	"sort":            {stdlib.SortFunc, "The texts in order."},
	"sum":             {sumFunc, "The sum of the numbers."},
	"transpose":       {transposeFunc, "A map of lists of texts with names and texts exchanged."},
	"values":          {stdlib.ValuesFunc, "The values of an object or map, in the order of the names."},
	"zipmap":          {stdlib.ZipmapFunc, "A map of a list of names and a list of values."},
}

// lengthFunc counts elements, or the characters of a string.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		switch t := v.Type(); {
		case t == cty.String:
			return stdlib.Strlen(v)
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
		case v.CanIterateElements():
			return v.Length(), nil
		}
		return cty.NilVal, function.NewArgErrorf(0, "a %s has no length", v.Type().FriendlyName())
	},
})

// coalesceFunc gives its first argument that is neither null nor "". The others leave no trace in the result,
// so that coalesce(var.backbone, pretrain.vit.model) is a path or an artifact and not a mixture.
var coalesceFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "values", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		v, err := firstOf(args)
		return v.Type(), err
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return firstOf(args) },
})

func firstOf(args []cty.Value) (cty.Value, error) {
	for _, v := range args {
		plain, _ := v.Unmark()
		empty := plain.IsKnown() && (plain.IsNull() || plain.Type() == cty.String && plain.AsString() == "")
		if !empty {
			return v, nil
		}
	}
	return cty.DynamicVal, errors.New("no argument is neither null nor an empty string")
}

var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Number)}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		total := cty.Zero
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			if v.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "holds null")
			}
			total = total.Add(v)
		}
		return total, nil
	},
})

func fold(start bool, f func(a, b bool) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			acc := start
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				acc = f(acc, !v.IsNull() && v.True())
			}
			return cty.BoolVal(acc), nil
		},
	})
}

// list is a parameter that takes a list, set or tuple.
func list(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.List(cty.DynamicPseudoType)}
}

// members finds values fast: a list by the hashes of its elements.
type members map[int][]cty.Value

func (m members) has(v cty.Value) bool {
	for _, x := range m[v.Hash()] {
		if x.RawEquals(v) {
			return true
		}
	}
	return false
}

func (m members) add(v cty.Value) { m[v.Hash()] = append(m[v.Hash()], v) }

// listOf is a list of the type, also when it is empty.
func listOf(values []cty.Value, t cty.Type) cty.Value {
	if len(values) == 0 {
		return cty.ListValEmpty(t.ElementType())
	}
	return cty.ListVal(values)
}

func sameType(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }

var distinctFunc = function.New(&function.Spec{
	Params: []function.Parameter{list("list")},
	Type:   sameType,
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		seen := members{}
		var kept []cty.Value
		for it := args[0].ElementIterator(); it.Next(); {
			if _, v := it.Element(); !seen.has(v) {
				seen.add(v)
				kept = append(kept, v)
			}
		}
		return listOf(kept, t), nil
	},
})

var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "must be a list, not a %s", t.FriendlyName())
		}
		for it := args[0].ElementIterator(); it.Next(); {
			i, v := it.Element()
			if eq, err := stdlib.Equal(v, args[1]); err == nil && eq.True() {
				return i, nil
			}
		}
		return cty.NilVal, function.NewArgErrorf(1, "the list does not hold %s", describe(args[1]))
	},
})

var lookupFunc = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "map", Type: cty.DynamicPseudoType}, {Name: "key", Type: cty.String}},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if !isObject(args[0]) {
			return cty.NilVal, function.NewArgErrorf(0, "must be a map or an object, not a %s", args[0].Type().FriendlyName())
		}
		if len(args) > 3 {
			return cty.NilVal, errors.New("takes a map, a key and one default")
		}
		if v, ok := args[0].AsValueMap()[args[1].AsString()]; ok {
			return v, nil
		}
		if len(args) == 3 {
			if t := args[0].Type(); t.IsMapType() {
				return convert.Convert(args[2], t.ElementType())
			}
			return args[2], nil
		}
		names := make([]string, 0, args[0].LengthInt())
		for name := range args[0].AsValueMap() {
			names = append(names, name)
		}
		return cty.NilVal, function.NewArgErrorf(1, "the map has no %q, and there is no default.%s", args[1].AsString(), didYouMean(args[1].AsString(), sorted(names)))
	},
})

func sorted(names []string) []string {
	sort.Strings(names)
	return names
}

var matchkeysFunc = function.New(&function.Spec{
	Params: []function.Parameter{list("values"), list("keys"), list("searchset")},
	Type:   sameType,
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, function.NewArgErrorf(1, "there are %d values and %d keys", args[0].LengthInt(), args[1].LengthInt())
		}
		keys, searched := args[1], args[2]
		if common, _ := convert.UnifyUnsafe([]cty.Type{keys.Type(), searched.Type()}); common != cty.NilType {
			var err error
			if keys, err = convert.Convert(keys, common); err != nil {
				return cty.NilVal, err
			}
			if searched, err = convert.Convert(searched, common); err != nil {
				return cty.NilVal, err
			}
		}
		wanted := members{}
		for it := searched.ElementIterator(); it.Next(); {
			_, v := it.Element()
			wanted.add(v)
		}
		var kept []cty.Value
		values := args[0].AsValueSlice()
		for i, k := range keys.AsValueSlice() {
			if wanted.has(k) {
				kept = append(kept, values[i])
			}
		}
		return listOf(kept, t), nil
	},
})

var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if !args[0].CanIterateElements() || isObject(args[0]) {
			return cty.NilVal, function.NewArgErrorf(0, "must be a list or set, not a %s", args[0].Type().FriendlyName())
		}
		switch n := args[0].LengthInt(); n {
		case 0:
			return cty.NullVal(cty.DynamicPseudoType), nil
		case 1:
			it := args[0].ElementIterator()
			it.Next()
			_, v := it.Element()
			return v, nil
		default:
			return cty.NilVal, function.NewArgErrorf(0, "has %d elements; one takes a list with one or none", n)
		}
	},
})

// rangeFunc is Terraform's, for longer sweeps than its 1,024 numbers.
var rangeFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "limits", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.Number)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		start, step := cty.Zero, cty.NumberIntVal(1)
		var limit cty.Value
		switch len(args) {
		case 1:
			limit = args[0]
		case 2, 3:
			start, limit = args[0], args[1]
		default:
			return cty.NilVal, errors.New("takes range(limit), range(start, limit) or range(start, limit, step)")
		}
		if len(args) != 3 && limit.LessThan(start).True() {
			step = cty.NumberIntVal(-1)
		} else if len(args) == 3 {
			step = args[2]
		}
		down := step.LessThan(cty.Zero).True()
		switch {
		case step.Equals(cty.Zero).True():
			return cty.NilVal, function.NewArgErrorf(2, "the step is 0, so the limit is never reached")
		case down != limit.LessThan(start).True() && !limit.Equals(start).True():
			return cty.NilVal, function.NewArgErrorf(2, "the step leads away from the limit")
		}
		from, width, by := start.AsBigFloat(), new(big.Float).Sub(limit.AsBigFloat(), start.AsBigFloat()), step.AsBigFloat()
		if width.Quo(width, by).Cmp(big.NewFloat(longestRange)) > 0 {
			return cty.NilVal, fmt.Errorf("more than %d numbers; take a larger step", longestRange)
		}
		var values []cty.Value
		for v := from; v.Cmp(limit.AsBigFloat()) != 0 && v.Cmp(limit.AsBigFloat()) < 0 != down; v = new(big.Float).SetPrec(512).Add(v, by) {
			values = append(values, cty.NumberVal(v))
		}
		return listOf(values, cty.List(cty.Number)), nil
	},
})

var setproductFunc = function.New(&function.Spec{
	VarParam: stdlib.SetProductFunc.VarParam(), Type: stdlib.SetProductFunc.ReturnTypeForValues,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		n := 1
		for _, a := range args {
			plain, _ := a.Unmark()
			if plain.IsNull() || !plain.IsKnown() || !plain.CanIterateElements() {
				break
			}
			if n *= plain.LengthInt(); n > longestRange {
				return cty.NilVal, fmt.Errorf("more than %d combinations; write a matrix, or take shorter lists", longestRange)
			}
		}
		return stdlib.SetProductFunc.Call(args)
	},
})

var transposeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		turned := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); { // in the order of the names
			name, texts := it.Element()
			if texts.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "%s is null", name.AsString())
			}
			for inner := texts.ElementIterator(); inner.Next(); {
				_, s := inner.Element()
				if s.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "%s holds null", name.AsString())
				}
				turned[s.AsString()] = append(turned[s.AsString()], name)
			}
		}
		if len(turned) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		lists := make(map[string]cty.Value, len(turned))
		for s, names := range turned {
			lists[s] = cty.ListVal(names)
		}
		return cty.MapVal(lists), nil
	},
})
