package optest

import (
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/op"
)

// RunWithout is Run on a device that is being built: it leaves out what needs a kernel of missing, and wants missing to name
// exactly the kernels that dev lacks.
func RunWithout(t *testing.T, missing []string, dev accel.Device) {
	names := op.Kernels()
	for _, u := range updates {
		names = append(names, u.Kernel)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		_, err := dev.Kernel(name)
		switch listed := slices.Contains(missing, name); {
		case err != nil && !listed:
			t.Errorf("%v, and it is not in the list of missing kernels", err)
		case err == nil && listed:
			t.Errorf("%s has kernel %q: take it off the list of missing kernels", dev.Name(), name)
		}
	}
	for _, name := range missing {
		if !slices.Contains(names, name) {
			t.Errorf("the list of missing kernels names %q, which is none", name)
		}
	}
	run(t, missing, dev)
}

// launches tells whether value or gradients of the instance need one of kernels.
func (in *instance) launches(kernels []string) bool {
	for _, n := range in.graph.AllNodes() {
		if o := op.Of(n); o != nil && slices.Contains(kernels, o.Call(in.row.Mode).Kernel) {
			return true
		}
	}
	return false
}
