package pipelines

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those that expressions may call, by Terraform's names. All are pure but for reading files
// under dir, whose content ends in the keys with the values made from it.
func functions(dir string) map[string]function.Function {
	table := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "can": tryfunc.CanFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc,
		"chunklist": stdlib.ChunklistFunc, "coalesce": coalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"csvdecode": stdlib.CSVDecodeFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc,
		"flatten": stdlib.FlattenFunc, "floor": stdlib.FloorFunc, "format": stdlib.FormatFunc,
		"formatdate": stdlib.FormatDateFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
		"index": stdlib.IndexFunc, "join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc, "log": stdlib.LogFunc, "lookup": stdlib.LookupFunc,
		"lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "range": stdlib.RangeFunc, "regex": stdlib.RegexFunc,
		"regexall": stdlib.RegexAllFunc, "replace": stdlib.ReplaceFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "signum": stdlib.SignumFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "timeadd": stdlib.TimeAddFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc,
		"try": tryfunc.TryFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
		"tobool": stdlib.MakeToFunc(cty.Bool), "tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),

		"length": lengthFunc, "sum": sumFunc,
		"alltrue": fold(true, func(a, b bool) bool { return a && b }),
		"anytrue": fold(false, func(a, b bool) bool { return a || b }),

		"startswith":  test(strings.HasPrefix, "prefix"),
		"endswith":    test(strings.HasSuffix, "suffix"),
		"strcontains": test(strings.Contains, "substr"),
		"basename":    text(func(s string) (string, error) { return path.Base(filepath.ToSlash(s)), nil }),
		"dirname":     text(func(s string) (string, error) { return path.Dir(filepath.ToSlash(s)), nil }),
		"base64encode": text(func(s string) (string, error) {
			return base64.StdEncoding.EncodeToString([]byte(s)), nil
		}),
		"base64decode": text(func(s string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(s)
			if err == nil && !utf8.Valid(b) {
				err = errors.New("the result is not UTF-8 text")
			}
			return string(b), err
		}),
		"sha256": text(func(s string) (string, error) {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:]), nil
		}),
		"file": text(func(s string) (string, error) {
			b, err := os.ReadFile(under(dir, s))
			if err == nil && !utf8.Valid(b) {
				err = fmt.Errorf("%s is not UTF-8 text", s)
			}
			return string(b), err
		}),
		"fileexists": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				info, err := os.Stat(under(dir, args[0].AsString()))
				return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
			},
		}),
		"fileset": filesetFunc(dir),
	}
	for name, why := range impure {
		table[name] = refused(why)
	}
	return table
}

// impure are functions of Terraform's that a pipeline must not call.
var impure = map[string]string{
	"timestamp":     "it gives another value at every run, so every stage that uses it would run again each time; give the time as a variable",
	"plantimestamp": "it gives another value at every run, so every stage that uses it would run again each time; give the time as a variable",
	"uuid":          "it gives another value at every run, so every stage that uses it would run again each time; make a name of each.AXIS values",
	"bcrypt":        "it gives another value at every call, so every stage that uses it would run again each time; use sha256",
	"abspath":       "its value depends on the machine, so results could not be shared; paths relative to the file work everywhere",
	"pathexpand":    "its value depends on the machine, so results could not be shared; paths relative to the file work everywhere",
}

// refused is a function that only explains why it cannot be called.
func refused(why string) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.NilType, errors.New(why)
		},
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, errors.New(why) },
	})
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

func test(f func(s, part string) bool, name string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}, {Name: name, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func text(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

func filesetFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			files, err := glob(under(dir, args[0].AsString()), args[1].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			if len(files) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			values := make([]cty.Value, len(files))
			for i, f := range files {
				values[i] = cty.StringVal(f)
			}
			return cty.SetVal(values), nil
		},
	})
}

// under resolves a path that is relative to dir.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}
