package pipelines

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

var encodingFunctions = map[string]described{
	"base64decode": {text(func(s ...string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s[0])
		if err == nil && !utf8.Valid(b) {
			err = errors.New("the result is not UTF-8 text; use textdecodebase64 and name its encoding")
		}
		return string(b), err
	}, "string"), "The text that was encoded in base64."},
	"base64encode": {text(func(s ...string) (string, error) {
		return base64.StdEncoding.EncodeToString([]byte(s[0])), nil
	}, "string"), "The text in base64."},
	"base64gzip": {text(func(s ...string) (string, error) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(s[0])); err != nil {
			return "", err
		}
		err := w.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes()), err
	}, "string"), "The text compressed by gzip, in base64."},
	"csvdecode":  {stdlib.CSVDecodeFunc, "The rows of a CSV text as objects; its first row names the attributes."},
	"jsondecode": {stdlib.JSONDecodeFunc, "The value that a JSON text means."},
	"jsonencode": {stdlib.JSONEncodeFunc, "The value as JSON."},
	"textdecodebase64": {text(func(s ...string) (string, error) {
		e, err := encodingOf(s[1])
		if err != nil {
			return "", err
		}
		b, err := base64.StdEncoding.DecodeString(s[0])
		if err != nil {
			return "", err
		}
		b, err = e.NewDecoder().Bytes(b)
		return string(b), err
	}, "string", "encoding"), "The text that was encoded in base64, from an encoding such as UTF-16LE."},
	"textencodebase64": {text(func(s ...string) (string, error) {
		e, err := encodingOf(s[1])
		if err != nil {
			return "", err
		}
		b, err := e.NewEncoder().Bytes([]byte(s[0]))
		return base64.StdEncoding.EncodeToString(b), err
	}, "string", "encoding"), "The text in an encoding such as UTF-16LE, in base64."},
	"urlencode":  {text(func(s ...string) (string, error) { return url.QueryEscape(s[0]), nil }, "string"), "The text as it may stand in a web address."},
	"yamldecode": {yamldecodeFunc, "The value that a YAML text means."},
	"yamlencode": {yaml.YAMLEncodeFunc, "The value as YAML."},
}

// alias finds what may be an alias in YAML text.
var alias = regexp.MustCompile(`\*[A-Za-z0-9_-]`)

// mostAliases bounds the value: each alias can double it.
const mostAliases = 20

var yamldecodeFunc = function.New(&function.Spec{
	Params: yaml.YAMLDecodeFunc.Params(),
	Type: func(args []cty.Value) (cty.Type, error) {
		if v := args[0]; v.IsKnown() && !v.IsNull() && v.Type() == cty.String && len(alias.FindAllString(v.AsString(), mostAliases+1)) > mostAliases {
			return cty.NilType, function.NewArgErrorf(0, "has more than %d aliases; write out what they stand for", mostAliases)
		}
		return yaml.YAMLDecodeFunc.ReturnTypeForValues(args)
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return yaml.YAMLDecodeFunc.Call(args) },
})

func encodingOf(name string) (encoding.Encoding, error) {
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		return nil, fmt.Errorf("there is no encoding %q here; take an IANA name such as UTF-16LE or ISO-8859-1", name)
	}
	return e, nil
}

var timeFunctions = map[string]described{
	"formatdate": {stdlib.FormatDateFunc, "A time written by a pattern such as YYYY-MM-DD."},
	"timeadd":    {stdlib.TimeAddFunc, "The time after a duration such as 90m."},
	"timecmp": {texts(cty.Number, func(s []string) (cty.Value, error) {
		a, err := time.Parse(time.RFC3339, s[0])
		if err != nil {
			return cty.NilVal, fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z", s[0])
		}
		b, err := time.Parse(time.RFC3339, s[1])
		if err != nil {
			return cty.NilVal, fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z", s[1])
		}
		return cty.NumberIntVal(int64(a.Compare(b))), nil
	}, "a", "b"), "-1, 0 or 1: whether the first time is before, at or after the second."},
}
