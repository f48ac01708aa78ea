package program

import (
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

// foreign is a device with memory of its own.
type foreign struct{ accel.Device }

func TestSharedParametersAreCopiedOnlyWhereTheyMustBe(t *testing.T) {
	for name, dev := range map[string]accel.Device{"host": cpu.New(1), "foreign": foreign{cpu.New(1)}} {
		mem, data := NewMemory(dev), []float32{1, 2, 3}
		if err := mem.Share("w", []int{3}, data); err != nil {
			t.Fatal(err)
		}
		if got, err := mem.Get("w"); err != nil || !slices.Equal(got, data) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		copied := dev.Mem().Live > 0
		if copied != (name == "foreign") {
			t.Errorf("%s: copied is %v", name, copied)
		}
		err := mem.Set("w", []int{3}, []float32{4, 5, 6})
		if copied != (err == nil) || !copied && !strings.Contains(err.Error(), "parameter w: ") {
			t.Errorf("%s: setting a shared parameter gives %v", name, err)
		}
		if data[0] != 1 {
			t.Errorf("%s: the host's weights changed", name)
		}
		if err := mem.Share("v", []int{2}, data); err == nil {
			t.Errorf("%s: a shape of 2 took 3 values", name)
		}
		if err := mem.Close(); err != nil {
			t.Error(err)
		}
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}
}
