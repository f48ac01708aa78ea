package peft

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/pipe-ml/pipe/nn/layer"
)

// target is a site, or one slice of a fused one.
type target struct {
	site  layer.Site
	slice string
}

// path is the path of the target's own parameters.
func (t target) path() string {
	if t.slice == "" {
		return t.site.Path
	}
	return t.site.Path + "." + t.slice
}

// name is the last segment of the path that is not a number.
func (t target) name() string {
	if t.slice == "" {
		return t.site.Name()
	}
	return t.slice
}

// choose returns the sites of the wanted kinds that the names match, in order of computation. A name matches a path that equals it or
// ends in it after a dot ("attn.proj"), or matches it as a pattern of path.Match ("blocks.[0-3].attn.qkv.q").
// The slices of a fused projection are targets of their own, under the path of the site.
// Every name must match, or the error says which did not and what is near. A site is chosen whole or by slice.
func choose(s layer.Sites, names []string, kinds ...layer.Kind) ([]target, error) {
	var out []target
	found := map[string]bool{}
	near := map[string]bool{}
	for _, site := range s.Sites {
		if !slices.Contains(kinds, site.Kind) {
			continue
		}
		chosen := len(out)
		for _, t := range targets(site) {
			near[site.Name()] = true
			near[t.path()[strings.LastIndex(t.path(), ".")+1:]] = true
			hit := false
			for _, n := range names {
				if matches(n, t.path()) {
					found[n], hit = true, true
				}
			}
			if hit {
				out = append(out, t)
			}
		}
		if len(out) > chosen+1 && out[chosen].slice == "" {
			return nil, &OptionError{"targets", fmt.Sprintf("they choose %s whole and its slice %s too: name one of them", site.Path, out[chosen+1].slice)}
		}
	}
	for _, n := range names {
		if !found[n] {
			return nil, &OptionError{"targets", fmt.Sprintf("target %q matches nothing%s", n, otherTarget(n, sortedKeys(near)))}
		}
	}
	return out, nil
}

// projections are what the networks here call that which other libraries call by the key.
var projections = map[string][]string{
	"query": {"q", "q_proj", "to_q"}, "key": {"k", "k_proj", "to_k"}, "value": {"v", "v_proj", "to_v"},
}

// otherTarget is the end of an error about a target that is none of those known.
func otherTarget(name string, known []string) string {
	if name == "all-linear" {
		return "; name them: " + strings.Join(known, ", ")
	}
	for _, own := range projections[name] {
		if slices.Contains(known, own) {
			return fmt.Sprintf("; did you mean %q?", own)
		}
	}
	return suggest(name, known)
}

func targets(s layer.Site) []target {
	out := []target{{site: s}}
	for _, sl := range s.Slices {
		out = append(out, target{s, sl})
	}
	return out
}

func matches(name, p string) bool {
	ok, err := path.Match(name, p)
	return p == name || strings.HasSuffix(p, "."+name) || err == nil && ok
}

// ofKind returns the sites for which keep is true.
func ofKind(s layer.Sites, keep func(layer.Site) bool) []layer.Site {
	return slices.DeleteFunc(slices.Clone(s.Sites), func(x layer.Site) bool { return !keep(x) })
}

// mostKnown is how many names an error lists.
const mostKnown = 12

// suggest is the end of an error about an unknown name: the nearest, whatever its case, else those that there are, or some of them.
func suggest(name string, known []string) string { return suggestOf(name, known, mostKnown) }

// suggestOf is suggest with the names that it lists at most.
func suggestOf(name string, known []string, most int) string {
	if len(known) == 0 {
		return "; it has none: leave it out"
	}
	far := func(k string) int {
		return levenshtein.Distance(strings.ToLower(strings.TrimSpace(name)), strings.ToLower(k), nil)
	}
	near := slices.Clone(known)
	slices.SortStableFunc(near, func(a, b string) int { return far(a) - far(b) })
	switch {
	case far(near[0]) <= len(name)/2:
		return fmt.Sprintf("; did you mean %q?", near[0])
	case len(known) > most:
		return fmt.Sprintf("; known: %s and %d more", strings.Join(near[:most], ", "), len(near)-most)
	}
	return fmt.Sprintf("; known: %s", strings.Join(known, ", "))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
