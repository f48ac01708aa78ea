package phantom

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/stages/source"
)

// Option is a whole number that an address may set.
type Option struct {
	Name     string
	Default  int
	Min, Max int
	Doc      string
}

// Phantom is one kind of generated set.
type Phantom struct {
	Name    string
	Doc     string
	Options []Option
	// Make lists the items of the set; o holds every option.
	Make func(o map[string]int) *source.Set
}

var phantoms = map[string]Phantom{}

// Register adds a phantom; it is called from init of the phantom's file.
func Register(p Phantom) {
	if _, taken := phantoms[p.Name]; taken {
		panic(fmt.Sprintf("phantom: %q registered twice", p.Name))
	}
	phantoms[p.Name] = p
}

// Phantoms returns all phantoms by name.
func Phantoms() []Phantom {
	return slices.SortedFunc(maps.Values(phantoms), func(a, b Phantom) int { return cmp.Compare(a.Name, b.Name) })
}

// Address is a checked phantom:// address.
type Address struct {
	phantom Phantom
	options map[string]int
}

// UnknownError is a name in an address, of a phantom or an option, that is not one of those there are.
type UnknownError struct {
	Message string
	Name    string
	Known   []string
}

func (e *UnknownError) Error() string { return e.Message }

// Parse checks an address and fills in the defaults of its options. It returns an *UnknownError where a name is not
// known.
func Parse(address string) (Address, error) {
	fail := func(format string, args ...any) (Address, error) {
		return Address{}, fmt.Errorf("%s: "+format, append([]any{address}, args...)...)
	}
	absent := func(name string, known []string, format string) (Address, error) {
		message := fmt.Sprintf("%s: "+format, address, name, strings.Join(known, ", "))
		return Address{}, &UnknownError{Message: message, Name: name, Known: known}
	}
	u, err := url.Parse(address)
	if err != nil {
		return Address{}, fmt.Errorf("not an address: %w", err)
	}
	if u.Scheme != "phantom" {
		return fail("only phantom:// addresses are generated")
	}
	p, ok := phantoms[u.Host]
	if !ok || strings.Trim(u.Path, "/") != "" {
		return absent(u.Host+u.Path, slices.Sorted(maps.Keys(phantoms)), "no phantom %q; there are %s")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fail("%w", err)
	}
	a := Address{phantom: p, options: map[string]int{}}
	var known []string
	for _, o := range p.Options {
		known = append(known, o.Name)
		a.options[o.Name] = o.Default
		values, set := query[o.Name]
		if !set {
			continue
		}
		n, err := strconv.Atoi(values[0])
		if err != nil || len(values) > 1 {
			return fail("option %s must be one whole number, not %q", o.Name, strings.Join(values, ", "))
		}
		if n < o.Min || n > o.Max {
			return fail("option %s must be from %d to %d, not %d", o.Name, o.Min, o.Max, n)
		}
		a.options[o.Name] = n
		delete(query, o.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		return absent(name, known, "no option %q; "+p.Name+" has %s")
	}
	return a, nil
}

// With returns the address with another value for one of its options, for callers that need a certain size.
func (a Address) With(option string, value int) (Address, error) {
	for _, o := range a.phantom.Options {
		if o.Name != option {
			continue
		}
		if value < o.Min || value > o.Max {
			return a, fmt.Errorf("phantom://%s: option %s must be from %d to %d, not %d", a.phantom.Name, option, o.Min, o.Max, value)
		}
		options := maps.Clone(a.options)
		options[option] = value
		return Address{a.phantom, options}, nil
	}
	return a, fmt.Errorf("phantom://%s: no option %q", a.phantom.Name, option)
}

// String is the address with all options in the phantom's order.
func (a Address) String() string {
	var parts []string
	for _, o := range a.phantom.Options {
		parts = append(parts, fmt.Sprintf("%s=%d", o.Name, a.options[o.Name]))
	}
	return "phantom://" + a.phantom.Name + "?" + strings.Join(parts, "&")
}

// Open lists the items of the set.
func (a Address) Open() *source.Set {
	s := a.phantom.Make(a.options)
	s.Name = a.phantom.Name
	s.Layout = a.String()
	s.License = "CC0-1.0"
	return s
}
