package dag

import "github.com/pipe-ml/pipe/dag/remote"

// Engine plans and runs graphs against one store.
type Engine struct {
	Store     *Store
	Root      string            // the folder that Node.Code is relative to
	Executor  Executor          // runs the actions on this machine
	Executors map[string]Remote // others, by the name that Node.Executor says
	Cards     []Card            // GPUs the scheduler packs
	// Unfit says why this program, wherever it is started, cannot run an instance, or ""; nil: it can run all.
	Unfit  func(*Node) string
	Remote *remote.Client    // the cache that machines share; nil: none
	Push   bool              // what has run is given to Remote
	Warn   func(text string) // is told what makes a plan poorer and does not stop it; nil: nobody. A run has EventWarning
}

// PlanOptions select what is planned.
type PlanOptions struct {
	Target  []string // addresses: only these and what they need; empty: everything
	Replace []string // addresses: run these even if their results are in the store
}

// ApplyOptions say how a graph is run.
type ApplyOptions struct {
	PlanOptions
	Parallelism int             // CPUs to pack; 0: as many as the machine has
	FailFast    bool            // start nothing more after the first failure
	Saved       SavedPlan       // if set, the run does exactly this, or is refused with a *StalePlanError
	Kill        <-chan struct{} // closed: kill what runs. Cancelling the context only stops starting
	Command     []string        // the command line, for the journal
	Pipeline    string          // names what is run, so that the last run of each pipeline can be found
}
