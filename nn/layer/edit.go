package layer

// Edit is a typed change at a site. Names of new parameters are relative to the site's path, so that they say where
// they belong.
type Edit interface {
	// At is the path of the site, or the name of the parameter.
	At() string
}

// Train trains a parameter that the network has.
type Train struct {
	Param string
}

// Delta changes a linear map or a convolution by a mergeable term: y = x (W + dW)^T + b. Of a site with slices it may change one.
//
// The builder that the functions get is at the site's path, or at path.slice.
type Delta struct {
	Site, Slice string
	// Output is the change of the output, computed on the activations, which spares the gradient of the whole weight. x is the
	// site's input.
	Output func(b *Builder, x *Node) *Node
	// Merged returns dW in float64, in the weight's layout (a slice's rows only).
	Merged func(v Values) []float64
}

// Scale multiplies and shifts the output of a site, or of one slice of it, by channel: y' = scale * y + shift. Of a normalisation it is
// computed on gain and bias, which is the same map at the cost of C multiplications. With Input it multiplies what a linear map reads.
type Scale struct {
	Site, Slice  string
	Input        bool
	Scale, Shift string // names of the new parameters
	ScaleInit    Init
	ShiftInit    Init
}

// Parallel adds fn(x) to a branch of a residual block, x being the block's residual stream where the branch leaves it, or
// with Normed what the branch itself reads, behind its own normalisation.
type Parallel struct {
	Site   string
	Normed bool
	Fn     func(b *Builder, x *Node) *Node
}

// After replaces the output y of a branch of a residual block, or the features y that the head reads, by fn(y).
type After struct {
	Site string
	Fn   func(b *Builder, y *Node) *Node
}

// Prefix puts N learned keys and values in front of those of an attention. Every query sees them, also in causal attention.
type Prefix struct {
	Site       string
	N          int
	Key, Value string // names of the new parameters, [N, D]
	Init       Init
}

// Tokens inserts N learned tokens after the site's prefix and removes them behind the block, or behind the later one at Until.
type Tokens struct {
	Site  string
	Until string // path of the last block that sees the tokens; "": the site
	N     int
	Name  string // of the new parameter, [1, N, C]
	Init  Init
}

// At is the parameter's name.
func (e Train) At() string { return e.Param }

// At is the site's path.
func (e Delta) At() string { return e.Site }

// At is the site's path.
func (e Scale) At() string { return e.Site }

// At is the site's path.
func (e Parallel) At() string { return e.Site }

// At is the site's path.
func (e After) At() string { return e.Site }

// At is the site's path.
func (e Prefix) At() string { return e.Site }

// At is the site's path.
func (e Tokens) At() string { return e.Site }
