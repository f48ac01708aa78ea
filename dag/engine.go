package dag

import (
	"context"
	"errors"
)

// Engine plans and runs graphs against one store.
type Engine struct {
	Store    *Store
	Root     string   // the folder that Node.Code is relative to
	Executor Executor // runs the actions
	CPUs     int      // how many the scheduler packs; 0: as many as the machine has
	Memory   int64    // bytes the scheduler packs; 0: as many as the machine has
}

// PlanOptions select what is planned.
type PlanOptions struct {
	Target  []string // selectors: only these and what they need; empty: everything
	Replace []string // selectors: run these even if their results are in the store
}

// ApplyOptions say how a graph is run.
type ApplyOptions struct {
	PlanOptions
	Parallelism int             // CPUs to pack; 0: Engine.CPUs
	FailFast    bool            // start nothing more after the first failure
	Kill        <-chan struct{} // closed: kill what runs. Cancelling the context only stops starting
	Command     []string        // the command line, for the journal
}

// Apply runs what the plan says, then publishes. Failed actions are counted in the summary; the error is for
// what stops a whole run: a selector that matches nothing, an input that is not there, a store that cannot be
// written to.
func (e *Engine) Apply(ctx context.Context, g *Graph, pubs []Publication, opts ApplyOptions, sink func(Event)) (*Summary, error) {
	return nil, errors.New("apply: being written")
}

// Plan says of every instance of g whether it is cached, will run, or may run.
func (e *Engine) Plan(ctx context.Context, g *Graph, opts PlanOptions) (*Plan, error) {
	return nil, errors.New("plan: being written")
}

// Why explains the state of the instance at address.
func (e *Engine) Why(ctx context.Context, g *Graph, address string) (*Explanation, error) {
	return nil, errors.New("why: being written")
}
