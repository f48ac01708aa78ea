package stages

import "context"

// Stage is one configured instance, ready to run: a pointer to the type's schema struct, decoded.
//
// The struct is the schema. Each exported field carries a `pipe:"name"` tag and is
//
//   - config: string, bool, int, float64, slices and string-keyed maps of these (`default:"…"` makes it
//     optional, as does the flag `pipe:"name,optional"`; `enum:"a,b"`, `min:"…"`, `max:"…"` bound it;
//     `role:"code"` marks a list of files that enter the key and are put into the work folder, `role:"probe"` a
//     program whose output enters the key);
//   - an Input, an InputList (for all.TYPE.NAME.OUT) or a map[string]Input: what the stage reads;
//   - an Output or a map[string]Output: what it writes. `kind:"images"` on inputs and outputs names what the
//     artifact holds, and a reference to another kind is refused when the file is read; `generated:"true"` marks
//     an Input that also takes a phantom:// address; `path:"svg.svg"` gives an output file its name (a folder
//     needs none).
//
// Every field has a `doc:"…"` tag: it is the documentation. Fields of an embedded struct count as the stage's own. A stage
// that also implements Validator checks its config and inputs as a whole before anything runs.
type Stage interface {
	Run(ctx context.Context, r Reporter) error
}

// Type is a registered stage type.
type Type struct {
	Name    string
	Version int    // bump when the same inputs and config give other bytes; part of every key
	Doc     string // first line: what it does; then details
	CPUs    int    // default resources
	Memory  int64  // bytes
	New     func() Stage
}

// Resumer is a stage that can go on where it was killed. Resume is called before Run with a folder of the action's own, which need
// not be there: what the stage leaves in it, the next attempt at the same action finds, and once it has succeeded the folder is
// gone. Outputs must be the same with or without it.
type Resumer interface {
	Resume(dir string)
}

// Reporter is how a running stage tells what it does. It is safe for several goroutines.
type Reporter interface {
	// Progress says that step of total is done, with values such as loss and rate for the live view.
	Progress(step, total int, values map[string]float64)
	// Log adds a line to the action's log.
	Log(format string, args ...any)
	// Metric records a figure in the action's result.
	Metric(name string, value float64)
	// Device records what the stage computes on: "cpu" and "avx512", "cuda:0" and the card's name.
	Device(name, model string)
}

// Input is an artifact, a path or a generated source that the stage reads. Exactly one of Path and URI is set.
type Input struct {
	Path string // a file or folder to read; never to be written to
	URI  string // phantom://…: made, not read

	From Stage // before it is made: the stage that will, if that is a Validator; nil: not known
}

// InputList is every artifact that an all.TYPE.NAME.OUT reference gathers.
type InputList []Member

// Member is one gathered artifact with the axes of the instance that made it.
type Member struct {
	Axes    map[string]any // string, float64 or bool
	Path    string
	Metrics []string // before it is made: the names that may be in it, as its Measurer says; nil: not known
}

// Output is the path of a file or folder that the stage must create.
type Output string
