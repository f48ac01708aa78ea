package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel"
)

// products are the operators that a precision concerns; all others compute in float32.
var products = []string{"linear", "conv2d", "attention"}

// hasPrecision refuses a precision that the device lacks.
func hasPrecision(dev accel.Device, precision string) error {
	has := append([]string{"float32"}, dev.Caps().Precisions...)
	if precision == "" || slices.Contains(has, precision) {
		return nil
	}
	return fmt.Errorf("the device %s computes in %s, not in %s: choose one of these, or another device", dev.Name(), strings.Join(has, ", "), precision)
}

// kernel is the device's name of the kernel called name, in the program's precision.
func (c *compiler) kernel(name string) string {
	family, _, _ := strings.Cut(name, ".")
	if p := c.opt.Precision; p != "" && p != "float32" && slices.Contains(products, family) {
		return name + "." + p
	}
	return name
}
