package train

import (
	"context"
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/nn/optim"
)

// Config is how a run trains: how long, how fast, and by what updates.
type Config struct {
	Optim      optim.Config
	Schedule   optim.Schedule // Total is the number of steps
	Accumulate int            // batches whose mean gradient a step follows; 0: one
	Average    Average        // of the weights; it is what is validated and kept
	Recompute  bool           // activations within blocks in the backward, instead of holding them: less memory, more time, the same bits
	EvalEvery  int            // steps between validations; 0: after the last step only
	Patience   int            // validations without a better one after which the run stops; 0: never
	Keep       Keep
}

// batches is the number of batches a step.
func (c Config) batches() int { return max(1, c.Accumulate) }

// Progress is told of every step: values are loss, lr and norm, and after a validation val.
type Progress func(step, total int, values map[string]float64)

// Run is one training run.
type Run struct {
	Network *Network // compiled with the Config of Do
	// Feed sets the inputs of a batch, counted from 0; a step has Config.Accumulate of them. It is called for one after the other, for
	// the next one while the device computes.
	Feed func(batch int) error
	// Validate returns the figure to make small. Nil: the last state is kept.
	Validate func(ctx context.Context) (float64, error)
	Progress Progress
}

// Result is what a run did.
type Result struct {
	Steps    int     // made
	Resumed  int     // of them by an earlier run that was killed
	Loss     float64 // training loss, mean of the last tenth of the steps
	Best     float64 // validation figure of the state kept, NaN without validation
	BestStep int     // steps after which that state was; without validation all of them
	Early    bool    // stopped before the schedule's end
	Trained  int     // parameters
	Refused  error   // why steps are not replayed as a graph on a device that can, nil otherwise
	Memory   Memory
}

// course is what a run knows of itself between two steps.
type course struct {
	Steps    int
	Losses   []float64
	Best     float64 `json:"-"` // of best; JSON has no NaN
	BestStep int
	Stale    int // validations since

	best map[string][]float32 // the state kept, nil before the first validation
}

// Do trains and leaves the network in its best validated state, or its last without validation.
func (r Run) Do(ctx context.Context, c Config) (Result, error) {
	if err := c.Schedule.Validate(); err != nil {
		return Result{}, err
	}
	total := c.Schedule.Total
	var at course
	keep := c.Keep.open()
	if err := keep.resume(r.Network, &at); err != nil {
		return Result{}, err
	}
	res := Result{Best: math.NaN(), Resumed: at.Steps, Trained: r.Network.trained(), Memory: r.Network.Memory()}
	for at.Steps < total && !res.Early {
		step := at.Steps
		lr := c.Schedule.At(step)
		loss, norm, err := r.Network.Step(ctx, step, lr, r.Feed)
		if err != nil {
			return res, fmt.Errorf("step %d: %w", step, err)
		}
		at.Losses = append(at.Losses, loss)
		at.Steps++
		values := map[string]float64{"loss": loss, "lr": lr, "norm": norm}
		if due := at.Steps == total || c.EvalEvery > 0 && at.Steps%c.EvalEvery == 0; due && r.Validate != nil {
			if values["val"], err = r.validate(ctx, &at); err != nil {
				return res, fmt.Errorf("validation after step %d: %w", step, err)
			}
			res.Early = c.Patience > 0 && at.Stale >= c.Patience && at.Steps < total
		}
		if !res.Early && at.Steps < total {
			keep.save(r.Network, &at)
		}
		if r.Progress != nil {
			r.Progress(at.Steps, total, values)
		}
	}
	res.Steps, res.BestStep, res.Refused = at.Steps, at.Steps, r.Network.prog.Refused()
	tail := at.Losses[len(at.Losses)-(len(at.Losses)+9)/10:]
	for _, l := range tail {
		res.Loss += l / float64(len(tail))
	}
	if r.Validate != nil && at.best != nil {
		res.Best, res.BestStep = at.Best, at.BestStep
		return res, r.Network.restore(at.best)
	}
	return res, r.Network.swap()
}

// validate looks at the state, or at its average, and keeps it if it is better than the best so far.
func (r Run) validate(ctx context.Context, at *course) (val float64, err error) {
	err = r.Network.averaged(func() error {
		if val, err = r.Validate(ctx); err != nil {
			return err
		}
		at.Stale++
		if at.best != nil && !math.IsNaN(at.Best) && !(val < at.Best) {
			return nil
		}
		at.Best, at.BestStep, at.Stale = val, at.Steps, 0
		at.best, err = r.Network.snapshot()
		return err
	})
	return val, err
}
