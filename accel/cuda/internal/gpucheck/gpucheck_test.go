//go:build nvidia

package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/cuda/internal/roofline"
)

func TestEveryCaseIsTimedAndADoubleIsCalledOne(t *testing.T) {
	c, err := find()
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	c.cases = roofline.Tiny()
	var b bytes.Buffer
	if err := c.describe(&b); err != nil {
		t.Fatal(err)
	}
	if said := strings.Contains(b.String(), "NOT A GPU"); said != c.double {
		t.Errorf("a double: %t, the text is\n%s", c.double, b.String())
	}
	if err := c.report(context.Background(), &b, "no-such-python"); err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(b.String()))
	for _, v := range c.cases {
		if v.BF16 && c.peaks.BF16 == 0 {
			continue // the card has none, and it says so
		}
		if !slices.ContainsFunc(lines, func(l string) bool {
			f := strings.Fields(l)
			return strings.HasPrefix(l, v.Network) && slices.Contains(f, v.Kernel) && slices.Contains(f, v.Precision()) && slices.Contains(f, "ours") &&
				strings.HasSuffix(strings.TrimSpace(l), v.Shapes())
		}) {
			t.Errorf("%s %s %s has no line in\n%s", v.Kernel, v.Precision(), v.Shapes(), b.String())
		}
	}
	if !strings.Contains(b.String(), "PyTorch: not compared") {
		t.Error("it does not say that PyTorch is missing")
	}
}
