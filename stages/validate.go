package stages

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/stages/phantom"
)

// AttributeError is what is wrong with one attribute of a block.
type AttributeError struct {
	Attribute string // "size"; an element is "split.train" or "metrics[1]"
	Message   string
	Value     string   // where a name is not known: the name,
	Known     []string // and those that are, to suggest one
}

func (e *AttributeError) Error() string { return e.Attribute + ": " + e.Message }

// Blamed is the attribute to which the error of a stage is due, or "": the one that it names, or else the input of whose path it tells.
func Blamed(err error, inputs map[string]Given) string {
	var a *AttributeError
	if errors.As(err, &a) {
		return a.Attribute
	}
	blamed, longest := "", 0
	for _, name := range sortedKeys(inputs) {
		if path := inputs[name].Path; len(path) > longest && strings.Contains(err.Error(), path) {
			blamed, longest = name, len(path)
		}
	}
	return blamed
}

// wrong says what is wrong with an attribute, and what to do about it.
func wrong(attribute, format string, args ...any) *AttributeError {
	return &AttributeError{Attribute: attribute, Message: fmt.Sprintf(format, args...)}
}

// unknown says that the value of an attribute is not one of those that are known.
func unknown(attribute, value string, known []string) *AttributeError {
	e := wrong(attribute, "%q is not one of %s", value, strings.Join(known, ", "))
	e.Value, e.Known = value, known
	if own := ownWords[strings.ToLower(value)]; slices.Contains(known, own) {
		e.Value, e.Known = own, []string{own}
	}
	return e
}

// ownWords are the values for which others have another word that lies nearer to a value that is not meant.
var ownWords = map[string]string{"gpu": DeviceCUDA}

// unknownNetwork says it of a network's name, without the many that there are.
func unknownNetwork(attribute, value string, known []string) *AttributeError {
	e := wrong(attribute, "there is no network %q: see pipe docs models", value)
	e.Value, e.Known = value, known
	return e
}

// wrongAddress says what is wrong with a phantom:// address.
func wrongAddress(attribute string, err error) *AttributeError {
	e := wrong(attribute, "%v", err)
	var u *phantom.UnknownError
	if errors.As(err, &u) {
		e.Value, e.Known = u.Name, u.Known
	}
	return e
}

// Validator is a stage that checks more than single values, so that what can never work is told before anything
// runs. Validate sees the config and which inputs are given, but no artifact need exist yet: the Path of an Input
// is not empty and must not be read, and From says what will make it; of what an InputList gathers, the axes are known and, where a Measurer makes
// it, the Metrics. An attribute that has a mistake already is zero, whatever its default is, and an input that has one
// seems to be given, with nothing gathered: what would only follow from these must not be told. It is called when the pipeline is read, and again before Run. It returns an *AttributeError,
// several joined by errors.Join, or another error that concerns the whole block.
type Validator interface {
	Validate() error
}

// Measurer is a stage that makes an artifact of the kind metrics and knows from its config and inputs the names that
// may be in it.
type Measurer interface {
	Measures() []string
}

// Canonical is a stage of which several configs mean the same: Canonical turns a normalised config into the one of
// them that enters the key. What is wrong with it is left to Validate.
type Canonical interface {
	Canonical(config map[string]any)
}

// validate asks the stage itself, if it has a say.
func validate(stage Stage) []error {
	if v, ok := stage.(Validator); ok {
		return each(v.Validate())
	}
	return nil
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}
