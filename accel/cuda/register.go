//go:build nvidia

package cuda

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
)

// entry is one row of the kernel table.
type entry struct {
	name string
	run  func(l *launch, attrs any) error
}

func (e *entry) Name() string { return e.name }

// table holds the kernels by name; the files of kernels fill it in init.
var table = map[string]*entry{}

// register adds a kernel whose attributes are an A. Registering a name twice is a mistake in this package and panics at start.
func register[A any](name string, f func(l *launch, a A, out, in []accel.Tensor) error) {
	if _, ok := table[name]; ok {
		panic("cuda: kernel registered twice: " + name)
	}
	table[name] = &entry{name, func(l *launch, attrs any) error {
		a, ok := attrs.(A)
		if !ok {
			return fmt.Errorf("attributes are %T, want %T", attrs, a)
		}
		return f(l, a, l.out, l.in)
	}}
}

// Kernel finds a kernel by name.
func (d *Device) Kernel(name string) (accel.Kernel, error) {
	k, ok := table[name]
	if !ok {
		return nil, fmt.Errorf("%s has no kernel %q", d.Name(), name)
	}
	return k, nil
}
