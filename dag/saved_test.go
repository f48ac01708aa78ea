package dag

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func saved(r *rig, nodes ...*Node) SavedPlan {
	r.Helper()
	p, err := r.engine.Plan(context.Background(), r.graph(nodes...), nil, PlanOptions{})
	if err != nil {
		r.Fatal(err)
	}
	s, err := p.Save()
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func TestASavedPlanIsRunAsItIsOrNotAtAll(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r *rig, n []*Node) []*Node // x is the last
		want []string
	}{
		{"nothing changed", func(_ *rig, n []*Node) []*Node { return n }, nil},
		{"code", func(r *rig, n []*Node) []*Node { r.write("run.py", "print(1)"); return n }, []string{"x: code run.py changed"}},
		{"a folder outside", func(r *rig, n []*Node) []*Node { r.write("data/new.csv", "3"); return n }, []string{"x: input outside changed"}},
		{"a probe", func(r *rig, n []*Node) []*Node { r.write("version", "v2"); return n }, []string{"prints something else"}},
		{"an attribute of what only may run", func(_ *rig, n []*Node) []*Node { n[4].Config["text"] = "Y"; return n }, []string{"x: its configuration changed"}},
		{"an attribute of what runs first", func(_ *rig, n []*Node) []*Node { n[1].Config["text"] = "other"; return n }, []string{"m[1]: its configuration changed"}},
		{"an instance that came, and one that went", func(_ *rig, n []*Node) []*Node {
			return append(n[:4:4], node("z", "text", "z"))
		}, []string{"z: is not in the plan", "x: is no longer there"}},
		{"the store", func(r *rig, n []*Node) []*Node {
			r.apply(ApplyOptions{PlanOptions: PlanOptions{Target: []string{"m[1]"}}}, n...)
			return n
		}, []string{"m[1]: was to run and is cached now"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			studyFiles(r)
			plan := saved(r, study(r)...)
			nodes := c.edit(r, study(r))
			before := len(r.performed())
			_, err := r.engine.Apply(context.Background(), r.graph(nodes...), nil, ApplyOptions{Saved: plan}, nil)
			var stale *StalePlanError
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.As(err, &stale) {
				t.Fatalf("it was run: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %s", want, err)
				}
			}
			if len(r.performed()) != before {
				t.Error("something was run")
			}
		})
	}
}

func TestManyChangesOfAPlanStayShort(t *testing.T) {
	e := &StalePlanError{Changes: make([]string, 100)}
	if n := strings.Count(e.Error(), "\n"); n > 12 || !strings.Contains(e.Error(), "and 89 other changes") {
		t.Errorf("%d lines: %s", n, e)
	}
}
