package train

import (
	"context"
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/nn/optim"
)

// Config is how long and how fast a run trains.
type Config struct {
	Schedule  optim.Schedule // Total is the number of steps
	EvalEvery int            // steps between validations; 0: after the last step only
	Patience  int            // validations without a better one after which the run stops; 0: never
}

// Progress is told of every step: values are loss, lr and norm, and after a validation val.
type Progress func(step, total int, values map[string]float64)

// Run is one training run.
type Run struct {
	Network *Network
	// Feed sets the inputs of a step, counted from 0.
	Feed func(step int) error
	// Validate returns the figure to make small. Nil: the last state is kept.
	Validate func(ctx context.Context) (float64, error)
	Progress Progress
}

// Result is what a run did.
type Result struct {
	Steps    int     // made
	Loss     float64 // training loss, mean of the last tenth of the steps
	Best     float64 // validation figure of the state kept, NaN without validation
	BestStep int     // steps after which that state was; 0: none did better than the start
	Early    bool    // stopped before the schedule's end
}

// Do trains and leaves the network in its best validated state, or its last without validation.
func (r Run) Do(ctx context.Context, c Config) (Result, error) {
	if err := c.Schedule.Validate(); err != nil {
		return Result{}, err
	}
	total := c.Schedule.Total
	res := Result{Best: math.NaN()}
	var best map[string][]float32
	var losses []float64
	stale := 0
	for step := 0; step < total && !res.Early; step++ {
		if err := r.Feed(step); err != nil {
			return res, fmt.Errorf("step %d: %w", step, err)
		}
		lr := c.Schedule.At(step)
		loss, norm, err := r.Network.Step(ctx, lr)
		if err != nil {
			return res, fmt.Errorf("step %d: %w", step, err)
		}
		losses = append(losses, loss)
		res.Steps = step + 1
		values := map[string]float64{"loss": loss, "lr": lr, "norm": norm}
		if due := res.Steps == total || c.EvalEvery > 0 && res.Steps%c.EvalEvery == 0; due && r.Validate != nil {
			val, err := r.Validate(ctx)
			if err != nil {
				return res, fmt.Errorf("validation after step %d: %w", step, err)
			}
			values["val"] = val
			if best == nil || val < res.Best {
				if best, err = r.Network.snapshot(); err != nil {
					return res, err
				}
				res.Best, res.BestStep, stale = val, res.Steps, 0
			} else {
				stale++
				res.Early = c.Patience > 0 && stale >= c.Patience && res.Steps < total
			}
		}
		if r.Progress != nil {
			r.Progress(res.Steps, total, values)
		}
	}
	if r.Validate == nil {
		res.BestStep = res.Steps
	}
	tail := losses[len(losses)-(len(losses)+9)/10:]
	for _, l := range tail {
		res.Loss += l / float64(len(tail))
	}
	if best == nil {
		return res, nil
	}
	return res, r.Network.restore(best)
}
