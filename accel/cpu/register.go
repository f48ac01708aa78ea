package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
)

// entry is one row of the kernel table.
type entry struct {
	name string
	run  func(d *Device, attrs any, out, in []accel.Tensor) error
}

func (e *entry) Name() string { return e.name }

// table holds the kernels by name; the files of kernels fill it in init.
var table = map[string]*entry{}

// register adds a kernel whose attributes are an A. Registering a name twice is a mistake in this package and panics at start.
func register[A any](name string, f func(d *Device, a A, out, in []accel.Tensor) error) {
	if _, ok := table[name]; ok {
		panic("cpu: kernel registered twice: " + name)
	}
	table[name] = &entry{name, func(d *Device, attrs any, out, in []accel.Tensor) error {
		a, ok := attrs.(A)
		if !ok {
			return fmt.Errorf("attributes are %T, want %T", attrs, a)
		}
		return f(d, a, out, in)
	}}
}
