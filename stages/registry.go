package stages

import (
	"fmt"
	"sort"
)

var types = map[string]Type{}

// Register adds a stage type. It is called from init of the type's file; a second type of the same name is
// a mistake in the program and panics.
func Register(t Type) {
	if _, taken := types[t.Name]; taken {
		panic(fmt.Sprintf("stages: type %q registered twice", t.Name))
	}
	types[t.Name] = t
}

// Lookup returns the type called name.
func Lookup(name string) (Type, bool) {
	t, ok := types[name]
	return t, ok
}

// Names returns the names of all types in alphabetical order.
func Names() []string {
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
