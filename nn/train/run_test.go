package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/program"
)

func TestAValidationThatIsNoNumberIsNotTheBest(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	mem, w := program.NewMemory(dev), layer.NewWeights(1)
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	x, labels := b.Input("x", tensor.Float32, 2, 3), b.Input("labels", tensor.Int32, 2)
	loss := b.CrossEntropy(b.Linear("fc", x, 2), labels, 0)
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := Upload(mem, w, b); err != nil {
		t.Fatal(err)
	}
	c := Config{Optim: optim.Config{Rule: "sgd"}, Schedule: optim.Schedule{Kind: "constant", Peak: 0.1, Total: 3}, EvalEvery: 1}
	n, err := Compile(mem, b, loss, c, func(layer.Param) (bool, float64) { return false, 1 })
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	values := []float64{math.NaN(), 3, math.NaN()}
	res, err := Run{
		Network: n,
		Feed: func(int) error {
			if err := n.Set(x, []float32{1, 2, 3, 4, 5, 6}); err != nil {
				return err
			}
			return n.Set(labels, []int32{0, 1})
		},
		Validate: func(context.Context) (float64, error) {
			v := values[0]
			values = values[1:]
			return v, nil
		},
	}.Do(context.Background(), c)
	if err != nil || res.Best != 3 || res.BestStep != 2 {
		t.Errorf("%+v, %v", res, err)
	}
}

// Each batch is fed once, in order, and the next one before the loss of this one is known: so a device computes in the meantime.
func TestTheNextBatchIsFedWhileOneIsComputed(t *testing.T) {
	for _, accumulate := range []int{1, 2} {
		dev := cpu.New(1)
		mem := program.NewMemory(dev)
		w := layer.NewWeights(1)
		b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
		x, labels := b.Input("x", tensor.Float32, 2, 3), b.Input("labels", tensor.Int32, 2)
		loss := b.CrossEntropy(b.Linear("head", x, 2), labels, 0)
		if err := errors.Join(b.Finish(), Upload(mem, w, b)); err != nil {
			t.Fatal(err)
		}
		c := Config{Optim: optim.Config{Rule: "sgd"}, Schedule: optim.Schedule{Kind: "constant", Peak: 0.1, Total: 3}, Accumulate: accumulate}
		n, err := Compile(mem, b, loss, c, func(layer.Param) (bool, float64) { return false, 1 })
		if err != nil {
			t.Fatal(err)
		}
		var fed, told []int
		_, err = Run{
			Network: n,
			Feed: func(batch int) error {
				fed = append(fed, batch)
				return errors.Join(n.Set(x, []float32{1, 2, 3, 4, 5, 6}), n.Set(labels, []int32{0, 1}))
			},
			Progress: func(int, int, map[string]float64) { told = append(told, len(fed)) },
		}.Do(context.Background(), c)
		if err := errors.Join(err, n.Close(), mem.Close(), dev.Close()); err != nil {
			t.Fatal(err)
		}
		if want := []int{0, 1, 2, 3, 4, 5}[:3*accumulate]; !slices.Equal(fed, want) {
			t.Errorf("fed were %v, want %v", fed, want)
		}
		if want := []int{accumulate + 1, 2*accumulate + 1, 3 * accumulate}; !slices.Equal(told, want) {
			t.Errorf("at the end of each step %v batches were fed, want %v", told, want)
		}
	}
}
