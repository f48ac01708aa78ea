package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
)

// Case is an open file of what a reference computed.
type Case struct {
	Family, Name string
	Config       []byte // JSON, for the family
	Train        bool   // batch norms use the batch's statistics
	Method       string // a fine-tuning method; empty: everything trains
	Options      map[string]any
	Vanishing    *regexp.Regexp // parameters whose gradient is 0 but for rounding; nil: none
	Seed         uint64

	file *checkpoint.File
}

// Open reads a case's header. Close it when done.
func Open(path string) (*Case, error) {
	f, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	m := f.Metadata
	c := &Case{Family: m["family"], Name: m["case"], Config: []byte(m["config"]), Method: m["method"], file: f}
	errs := []error{json.Unmarshal([]byte(m["train"]), &c.Train), json.Unmarshal([]byte(m["options"]), &c.Options)}
	var err1, err2 error
	c.Seed, err1 = strconv.ParseUint(m["seed"], 10, 64)
	if m["vanishing"] != "" {
		c.Vanishing, err2 = regexp.Compile(m["vanishing"])
	}
	if err := errors.Join(append(errs, err1, err2)...); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: metadata: %w", path, err), f.Close())
	}
	return c, nil
}

// Close ends reading.
func (c *Case) Close() error { return c.file.Close() }

func (c *Case) String() string { return c.Family + "/" + c.Name }

// vanishes tells whether the gradient of a parameter is 0 but for rounding.
func (c *Case) vanishes(name string) bool { return c.Vanishing != nil && c.Vanishing.MatchString(name) }

// names lists the tensors that begin with prefix, without it, sorted.
func (c *Case) names(prefix string) []string {
	var out []string
	for _, n := range c.file.Names() {
		if rest, ok := strings.CutPrefix(n, prefix); ok {
			out = append(out, rest)
		}
	}
	return out
}

// parameter is a parameter's values: those of the file, else those of its name.
func (c *Case) parameter(name string, shape []int) ([]float32, error) {
	if slices.Contains(c.file.Names(), "param."+name) {
		return c.values("param." + name)
	}
	return values(c.Seed, name, shape), nil
}

// values reads a tensor of float32.
func (c *Case) values(name string) ([]float32, error) {
	t, err := c.file.Tensor(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return t.Float32()
}
