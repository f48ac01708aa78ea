package stages

import (
	"errors"
	"os"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/cuda"
)

// DeviceAttribute is the attribute by which a stage that computes lets the user choose where.
const DeviceAttribute = "device"

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
	if c.Device != DeviceCPU {
		dev, err := cuda.Open(0, cuda.Precision(c.Precision)) // the first of those that the action was given
		if err == nil {
			return announced(r, dev), nil
		}
		if c.Device == DeviceCUDA {
			return nil, wrong(DeviceAttribute, "%v", err)
		}
		if os.Getenv("CUDA_VISIBLE_DEVICES") != "" {
			r.Log("computes on the processor, not on the GPU that it was given: %v", err)
		}
	}
	return announced(r, cpu.New(0)), nil
}

func announced(r Reporter, dev accel.Device) accel.Device {
	r.Device(dev.Name(), dev.Caps().Model)
	return dev
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
