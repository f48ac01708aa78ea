package optim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Rules of the update.
var Rules = []string{"adamw", "sgd"}

// Config chooses the update rule. Values are taken as they are given: PyTorch's defaults for AdamW are betas of 0.9 and 0.999 and an
// Eps of 1e-8.
type Config struct {
	Rule        string  // one of Rules
	WeightDecay float64 // of parameters with Decay; decoupled in AdamW
	ClipNorm    float64 // upper bound of the gradients' global norm; 0 leaves them alone

	Beta1, Beta2, Eps float64
	Momentum          float64
	Nesterov          bool
}

// Param is one weight to update. Value and Grad live on the optimizer's device and have one shape; Grad
// holds the gradient when Step is called.
type Param struct {
	Name        string
	Value, Grad accel.Tensor
	Decay       bool    // weight decay applies
	Rate        float64 // of the learning rate, timm's lr_scale; 0: all of it
}

// Optimizer updates its parameters. It is not safe for several goroutines.
type Optimizer struct {
	config  Config
	params  []Param
	moments [][]accel.Tensor // by parameter: m and v, or the momentum
	squares accel.Buffer     // one sum of squares a parameter
	update  accel.Kernel
	each    accel.Kernel // update of all parameters at once, nil where the device has none
	sum     accel.Kernel
	dev     accel.Device
	stream  accel.Stream
	step    int
	summing accel.Repeated // the launches of norm
}

// New allocates the moments, zero, of params on dev. Updates are queued on stream, behind the work that makes the
// gradients.
func New(dev accel.Device, stream accel.Stream, c Config, params []Param) (*Optimizer, error) {
	if !slices.Contains(Rules, c.Rule) {
		return nil, fmt.Errorf("optimizer %q: want one of %s", c.Rule, strings.Join(Rules, ", "))
	}
	if c.Nesterov && (c.Rule != "sgd" || c.Momentum == 0) {
		return nil, errors.New("optimizer: Nesterov's step is for sgd with momentum")
	}
	if c.Rule == "adamw" && !(c.Eps > 0) {
		return nil, fmt.Errorf("optimizer: AdamW with eps %v divides by zero where a gradient is: give a positive one, 1e-8 say", c.Eps)
	}
	if len(params) == 0 {
		return nil, errors.New("optimizer: no parameters to train")
	}
	o := &Optimizer{config: c, params: params, dev: dev, stream: stream, summing: accel.Repeated{Device: dev, Stream: stream}}
	var err error
	if o.update, err = dev.Kernel(c.Rule); err != nil {
		return nil, err
	}
	if c.Rule == "adamw" {
		o.each, _ = dev.Kernel("adamw.each") // which a device may lack
	}
	if o.sum, err = dev.Kernel("sum_squares"); err != nil {
		return nil, err
	}
	if err := o.allocate(); err != nil {
		return nil, errors.Join(fmt.Errorf("optimizer: %w", err), o.Close())
	}
	return o, nil
}

func (o *Optimizer) allocate() error {
	states := 2
	if o.config.Rule == "sgd" {
		states = 1
	}
	for i, p := range o.params {
		if p.Value.Len() != p.Grad.Len() {
			return fmt.Errorf("%s: weight %v has gradient %v", p.Name, p.Value.Shape, p.Grad.Shape)
		}
		o.moments = append(o.moments, nil)
		for range states {
			buf, err := o.dev.Alloc(accel.Float32, p.Value.Len())
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			moment := accel.Tensor{Buf: buf, Shape: p.Value.Shape}
			o.moments[i] = append(o.moments[i], moment)
		}
	}
	var err error
	o.squares, err = o.dev.Alloc(accel.Float32, len(o.params))
	return err
}

// Step updates every parameter at learning rate lr and returns the gradients' global norm before clipping.
// A norm that is not finite is an error and leaves the weights as they were.
func (o *Optimizer) Step(lr float64) (norm float64, err error) {
	norm, err = o.norm()
	if err != nil {
		return 0, err
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("the gradient's norm is %v at step %d", norm, o.step+1)
	}
	scale := 1.0
	if c := o.config.ClipNorm; c > 0 && norm > c {
		scale = c / (norm + 1e-6) // torch.nn.utils.clip_grad_norm_
	}
	o.step++
	if err := o.updateAll(lr, scale); err != nil {
		return norm, err
	}
	return norm, o.stream.Sync()
}

// updateAll queues the updates: in one launch where the device offers it.
func (o *Optimizer) updateAll(lr, scale float64) error {
	if o.each != nil {
		var a kernel.AdamWEach
		var out, in []accel.Tensor
		for i, p := range o.params {
			one := o.attrs(p, lr, scale).(kernel.AdamW)
			a.AdamW, a.LR, a.WeightDecay = one, append(a.LR, one.LR), append(a.WeightDecay, one.WeightDecay)
			out, in = append(append(out, p.Value), o.moments[i]...), append(in, p.Grad)
		}
		if err := o.dev.Launch(o.stream, o.each, a, out, in); err != nil {
			return fmt.Errorf("update: %w", err)
		}
		return nil
	}
	for i, p := range o.params {
		out := append([]accel.Tensor{p.Value}, o.moments[i]...)
		if err := o.dev.Launch(o.stream, o.update, o.attrs(p, lr, scale), out, []accel.Tensor{p.Grad}); err != nil {
			return fmt.Errorf("update of %s: %w", p.Name, err)
		}
	}
	return nil
}

func (o *Optimizer) attrs(p Param, lr, scale float64) any {
	decay := 0.0
	if p.Decay {
		decay = o.config.WeightDecay
	}
	if p.Rate != 0 {
		lr *= p.Rate
	}
	if o.config.Rule == "sgd" {
		return kernel.SGD{
			LR: float32(lr), Momentum: float32(o.config.Momentum),
			WeightDecay: float32(decay), Scale: float32(scale), Nesterov: o.config.Nesterov,
		}
	}
	return kernel.AdamW{
		LR: float32(lr), Beta1: float32(o.config.Beta1), Beta2: float32(o.config.Beta2),
		Eps: float32(o.config.Eps), WeightDecay: float32(decay), Step: o.step, Scale: float32(scale),
	}
}

// State gives the moments by the parameter's name and their number, "NAME/0": what the steps to come depend on, beside how many
// were made.
func (o *Optimizer) State() map[string]accel.Tensor {
	all := map[string]accel.Tensor{}
	for i, p := range o.params {
		for k, m := range o.moments[i] {
			all[fmt.Sprintf("%s/%d", p.Name, k)] = m
		}
	}
	return all
}

// Resume says that steps were made already, by an optimiser whose State has been copied into this one's.
func (o *Optimizer) Resume(steps int) { o.step = steps }

// norm adds the parameters' sums of squares in their order, in float64.
func (o *Optimizer) norm() (float64, error) {
	err := o.summing.Run(func() error {
		for i, p := range o.params {
			out := accel.Tensor{Buf: o.squares, Off: i, Shape: []int{1}}
			if err := o.dev.Launch(o.stream, o.sum, kernel.SumSquares{}, []accel.Tensor{out}, []accel.Tensor{p.Grad}); err != nil {
				return fmt.Errorf("gradient norm of %s: %w", p.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	squares := make([]float32, len(o.params))
	if err := o.dev.CopyOut(o.stream, squares, accel.Tensor{Buf: o.squares, Shape: []int{len(squares)}}); err != nil {
		return 0, err
	}
	total := 0.0
	for _, s := range squares {
		total += float64(s)
	}
	return math.Sqrt(total), nil
}

// Close frees the moments. The parameters are the caller's.
func (o *Optimizer) Close() error {
	errs := []error{o.summing.Close()}
	for _, moments := range o.moments {
		for _, m := range moments {
			errs = append(errs, o.dev.Free(m.Buf))
		}
	}
	if o.squares != nil {
		errs = append(errs, o.dev.Free(o.squares))
	}
	o.moments, o.squares = nil, nil
	return errors.Join(errs...)
}
