package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ValueKind is the kind of an attribute's value.
type ValueKind string

// The kinds of values. Any is the element of a map or list that takes every JSON value.
const (
	String ValueKind = "string"
	Bool   ValueKind = "bool"
	Int    ValueKind = "int"
	Number ValueKind = "number"
	List   ValueKind = "list"
	Map    ValueKind = "map"
	Any    ValueKind = "any"
)

// Form says how many artifacts a port takes.
type Form string

// Single is one artifact, Gathered all of an all.TYPE.NAME.OUT, Keyed a map with the user's names.
// A type has at most one keyed input and one keyed output; their artifacts go by the user's names.
const (
	Single   Form = "single"
	Gathered Form = "gathered"
	Keyed    Form = "keyed"
)

// kinds are what an artifact may hold; the formats are in package artifact.
var kinds = []string{"dataset", "images", "tokens", "latents", "model", "samples", "metrics", "figure", "table"}

// Attribute is one config value of a stage type.
type Attribute struct {
	Name     string
	Kind     ValueKind
	Elem     ValueKind // of a list or map
	Required bool
	Default  any      // a JSON value; nil: none
	Enum     []string // allowed strings; of a list or map: allowed elements
	Min, Max *float64 // bounds of a number; of a list or map: of its elements
	Role     string   // "code": names of files that enter the key and are put into the work folder; "probe": a program whose output enters the key
	Doc      string
	filled   bool // an empty list is a mistake
	zero     bool // 0 says something else than leaving it out does: the field is a pointer
	index    []int
}

// Port is one input or output of a stage type.
type Port struct {
	Name     string
	Form     Form
	Kind     string // what the artifact holds, one of kinds; an input may list several, "dataset,images"; "": anything
	Path     string // output only: file name; "" is a folder, or the user's choice in a keyed port
	Required bool
	// Generated inputs also take a phantom:// address.
	Generated bool
	Doc       string
	index     []int
}

// Accepts tells whether an artifact of that kind fits the port. An unknown kind ("") always does.
func (p Port) Accepts(kind string) bool {
	if p.Kind == "" || kind == "" {
		return true
	}
	for _, k := range strings.Split(p.Kind, ",") {
		if k == kind {
			return true
		}
	}
	return false
}

// Schema describes a stage type, in the order of its struct's fields.
type Schema struct {
	Type       Type
	Attributes []Attribute
	Inputs     []Port
	Outputs    []Port
}

// Names lists every name that a block of this type may set: attributes, inputs, and keyed outputs.
func (s Schema) Names() []string {
	var names []string
	for _, a := range s.Attributes {
		names = append(names, a.Name)
	}
	for _, p := range s.Inputs {
		names = append(names, p.Name)
	}
	for _, p := range s.Outputs {
		if p.Form == Keyed {
			names = append(names, p.Name)
		}
	}
	return names
}

// Attribute returns the attribute called name.
func (s Schema) Attribute(name string) (Attribute, bool) {
	for _, a := range s.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// Input returns the input called name.
func (s Schema) Input(name string) (Port, bool) { return find(s.Inputs, name) }

// Output returns the output called name.
func (s Schema) Output(name string) (Port, bool) { return find(s.Outputs, name) }

func find(ports []Port, name string) (Port, bool) {
	for _, p := range ports {
		if p.Name == name {
			return p, true
		}
	}
	return Port{}, false
}

// SchemaOf reads the schema of t from its struct. A struct with a mistake gives the schema of its sound
// fields; Check tells the mistakes.
func SchemaOf(t Type) Schema {
	s, _ := readSchema(t)
	return s
}

// Check reports every mistake in the struct of a type: missing tags, names used twice, defaults that do not
// fit, kinds of artifact that there are not. A test calls it for all registered types.
func Check(t Type) error {
	s, err := readSchema(t)
	errs := []error{err}
	for _, p := range slices.Concat(s.Inputs, s.Outputs) {
		for _, kind := range strings.Split(p.Kind, ",") {
			if kind != "" && !slices.Contains(kinds, kind) {
				errs = append(errs, fmt.Errorf("type %q: %s: kind %q is not one of %s", t.Name, p.Name, kind, strings.Join(kinds, ", ")))
			}
		}
	}
	return errors.Join(errs...)
}

var (
	inputType      = reflect.TypeFor[Input]()
	inputListType  = reflect.TypeFor[InputList]()
	inputMapType   = reflect.TypeFor[map[string]Input]()
	outputType     = reflect.TypeFor[Output]()
	outputMapType  = reflect.TypeFor[map[string]Output]()
	emptyInterface = reflect.TypeFor[any]()
)

func readSchema(t Type) (Schema, error) {
	s := Schema{Type: t}
	if t.Name == "" || t.Version < 1 || t.Doc == "" || t.New == nil {
		return s, fmt.Errorf("type %q: needs a name, a version from 1, a doc and New", t.Name)
	}
	v := reflect.TypeOf(t.New())
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return s, fmt.Errorf("type %q: New must return a pointer to a struct, not %s", t.Name, v)
	}
	err := s.addFields(v.Elem())
	return s, err
}

// addFields reads the tags of a struct into the schema.
func (s *Schema) addFields(v reflect.Type) error {
	var errs []error
	seen := map[string]bool{}
	for _, f := range reflect.VisibleFields(v) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		if err := s.addField(f, seen); err != nil {
			errs = append(errs, fmt.Errorf("type %q: field %s: %w", s.Type.Name, f.Name, err))
		}
	}
	return errors.Join(errs...)
}

// addField reads one field's tags into the schema.
func (s *Schema) addField(f reflect.StructField, seen map[string]bool) error {
	name, flag, _ := strings.Cut(f.Tag.Get("pipe"), ",")
	if name == "" {
		return errors.New(`no pipe:"name" tag`)
	}
	if flag != "" && flag != "optional" {
		return fmt.Errorf("unknown flag %q", flag)
	}
	// What a block sets and what it makes are two name spaces: evaluate takes metrics and gives metrics.
	space := "set:"
	if f.Type == outputType {
		space = "made:"
	}
	if seen[space+name] {
		return fmt.Errorf("name %q is used twice", name)
	}
	seen[space+name] = true
	doc := f.Tag.Get("doc")
	if doc == "" {
		return errors.New(`no doc:"…" tag`)
	}
	p := Port{
		Name: name, Form: Single, Kind: f.Tag.Get("kind"), Path: f.Tag.Get("path"), Required: flag == "",
		Generated: f.Tag.Get("generated") == "true", Doc: doc, index: f.Index,
	}
	switch f.Type {
	case inputType, inputListType, inputMapType:
		switch f.Type {
		case inputListType:
			p.Form = Gathered
		case inputMapType:
			p.Form = Keyed
		}
		s.Inputs = append(s.Inputs, p)
		return onlyOneKeyed(s.Inputs)
	case outputType, outputMapType:
		if f.Type == outputMapType {
			p.Form = Keyed
		}
		s.Outputs = append(s.Outputs, p)
		return onlyOneKeyed(s.Outputs)
	}
	return s.addAttribute(f, name, flag == "optional", doc)
}

func onlyOneKeyed(ports []Port) error {
	n := 0
	for _, p := range ports {
		if p.Form == Keyed {
			n++
		}
	}
	if n > 1 {
		return errors.New("a second keyed port")
	}
	return nil
}

func (s *Schema) addAttribute(f reflect.StructField, name string, optional bool, doc string) error {
	a := Attribute{Name: name, Doc: doc, Role: f.Tag.Get("role"), filled: f.Tag.Get("filled") == "true", zero: f.Type.Kind() == reflect.Pointer, index: f.Index}
	var err error
	if a.Kind, a.Elem, err = kindOf(f.Type); err != nil {
		return err
	}
	if list := f.Tag.Get("enum"); list != "" {
		a.Enum = strings.Split(list, ",")
	}
	if a.Min, err = bound(f.Tag, "min"); err != nil {
		return err
	}
	if a.Max, err = bound(f.Tag, "max"); err != nil {
		return err
	}
	text, hasDefault := f.Tag.Lookup("default")
	a.Required = !optional && !hasDefault
	if hasDefault {
		if err := json.Unmarshal([]byte(text), &a.Default); err != nil || a.Kind == String {
			a.Default = text
		}
		value, problems := a.normalise(a.Default)
		if len(problems) > 0 {
			return fmt.Errorf("default: %w", problems[0])
		}
		a.Default = value
	}
	s.Attributes = append(s.Attributes, a)
	return nil
}

func bound(tag reflect.StructTag, key string) (*float64, error) {
	text, ok := tag.Lookup(key)
	if !ok {
		return nil, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &v, nil
}

// kindOf maps a Go type to a kind and, for lists and maps, the kind of the elements.
func kindOf(t reflect.Type) (kind, elem ValueKind, err error) {
	switch {
	case t == emptyInterface:
		return Any, "", nil
	case t.Kind() == reflect.String:
		return String, "", nil
	case t.Kind() == reflect.Bool:
		return Bool, "", nil
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64, t.Kind() == reflect.Uint64:
		return Int, "", nil
	case t.Kind() == reflect.Float64, t == reflect.TypeFor[*float64]():
		return Number, "", nil
	case t.Kind() == reflect.Slice:
		kind = List
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		kind = Map
	default:
		return "", "", fmt.Errorf("type %s cannot be an attribute", t)
	}
	elem, nested, err := kindOf(t.Elem())
	if err != nil || nested != "" {
		return "", "", fmt.Errorf("type %s cannot be an attribute", t)
	}
	return kind, elem, nil
}
