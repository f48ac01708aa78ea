package dag

import (
	"slices"
	"strconv"
	"strings"
)

// hiddenValue stands where a value must not be shown.
const hiddenValue = "(sensitive)"

// hides says whether the value at a path, or a part of it, must not be shown.
func (n *Node) hides(path string) bool {
	return slices.ContainsFunc(n.Secret, func(s string) bool { return partOf(path, s) || partOf(s, path) })
}

// hide takes the values out of a change.
func (c *Change) hide() {
	for _, v := range []*string{&c.Old, &c.New} {
		if *v != "" {
			*v = hiddenValue
		}
	}
}

// Hidden is the manifest without the values at these paths, which are attributes or parts of them, for people.
func (m *Manifest) Hidden(secret []string) *Manifest {
	shown := *m
	shown.Config = hideConfig(m.Config, secret)
	n := &Node{Secret: secret}
	if m.Salt != "" && n.hides("salt") {
		shown.Salt = hiddenValue
	}
	if len(m.Environment) > 0 && n.hides("probe") { // its command line is a key
		shown.Environment = map[string]string{hiddenValue: hiddenValue}
	}
	return &shown
}

// Hidden is the node without the values of its configuration that must not be shown.
func (n *Node) Hidden() *Node {
	shown := *n
	shown.Config = hideConfig(n.Config, n.Secret)
	return &shown
}

func hideConfig(config map[string]any, secret []string) map[string]any {
	shown := make(map[string]any, len(config))
	for k, v := range config {
		shown[k] = hideValue(v, k, secret)
	}
	return shown
}

// hideValue is a JSON value without its secret parts; path is where it is.
func hideValue(v any, path string, secret []string) any {
	inside := false
	for _, s := range secret {
		if partOf(path, s) {
			return hiddenValue
		}
		inside = inside || partOf(s, path)
	}
	if !inside {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for k, e := range v {
			shown[k] = hideValue(e, path+"."+k, secret)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, e := range v {
			shown[i] = hideValue(e, path+"["+strconv.Itoa(i)+"]", secret)
		}
		return shown
	}
	return hiddenValue // what a secret part became
}

// partOf says whether a path is that of a part of outer, or outer itself.
func partOf(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
