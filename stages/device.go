package stages

import (
	"errors"
	"os"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/cuda"
)

// The attributes by which a stage that computes lets the user choose where, and in what a GPU multiplies.
const (
	DeviceAttribute    = "device"
	PrecisionAttribute = "precision"
)

// PrecisionBFloat16 is the value of PrecisionAttribute that only a GPU heeds.
const PrecisionBFloat16 = string(cuda.BFloat16)

// The values of DeviceAttribute.
const (
	DeviceAuto = "auto"
	DeviceCPU  = "cpu"
	DeviceCUDA = "cuda"
)

// CUDA says whether this program can compute on a GPU, if there is one.
const CUDA = cuda.Built

// computing is what a stage lets the user choose of where it computes.
type computing struct {
	Device    string `pipe:"device" default:"auto" enum:"auto,cpu,cuda" doc:"What computes: cpu; cuda, a GPU, of which the stage then has one (resources { gpus }); auto, the GPU if resources { gpus } asks for one and there is one, else the processor. The result tells which it was. The two agree to about 1e-5, not to the bit."`
	Precision string `pipe:"precision" default:"float32" enum:"float32,bf16" doc:"What a GPU multiplies in: float32, or bf16 by tensor cores (from Ampere on), where operands of products are rounded to bfloat16 and everything else stays float32. The processor multiplies in float32."`
}

// open opens the device, and tells which it is.
func (c computing) open(r Reporter) (accel.Device, error) {
	dev, refused, err := c.find()
	if err != nil {
		return nil, err
	}
	if refused != nil && os.Getenv("CUDA_VISIBLE_DEVICES") != "" {
		r.Log("computes on the processor, not on the GPU that it was given: %v", refused)
	}
	r.Device(dev.Name(), dev.Caps().Model)
	return dev, nil
}

// find opens the device. Where that is the processor for want of a GPU, refused says why.
func (c computing) find() (dev accel.Device, refused, err error) {
	if c.Device != DeviceCPU {
		dev, refused = cuda.Open(0, cuda.Precision(c.Precision)) // the first of those that the action was given
		if refused == nil {
			return dev, nil, nil
		}
		if c.Device == DeviceCUDA {
			return nil, nil, wrong(DeviceAttribute, "%v", refused)
		}
	}
	return cpu.New(0), refused, nil
}

// inFloat32 lends compute the device, multiplying in float32. It is closed afterwards, for the next one may need all of the card's memory.
func (c computing) inFloat32(compute func(accel.Device) ([]float32, error)) (out []float32, err error) {
	c.Precision = string(cuda.Float32)
	dev, _, err := c.find()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	return compute(dev)
}

// OutOfMemory says whether a stage failed because its GPU has no room for it.
func OutOfMemory(err error) bool {
	var e *cuda.OutOfMemoryError
	return errors.As(err, &e)
}

// LostDevice says whether a stage failed in a way after which this process can't use its GPU any more.
func LostDevice(err error) bool {
	var e *cuda.FaultError
	return errors.As(err, &e)
}

// SurveyGPUs describes the driver of the GPUs and what it finds, in lines. It belongs into a process of its own, for the driver stays in
// the one that has called it.
func SurveyGPUs() ([]string, error) { return cuda.Survey() }

// Kernels names the instruction set that the stages compute with here: "avx512", "avx2" or "go".
func Kernels() string {
	d := cpu.New(1)
	defer d.Close()
	return d.Caps().Model
}
