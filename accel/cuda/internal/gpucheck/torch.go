//go:build nvidia

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"github.com/pipe-ml/pipe/accel/cuda/internal/roofline"
)

//go:embed torch_times.py
var torchScript string

// torchTimes is PyTorch's time in microseconds for each case, 0 where there is none, and says which PyTorch that was or why it was not.
func torchTimes(ctx context.Context, python string, cases []roofline.Case) ([]float64, string) {
	times := make([]float64, len(cases))
	look := exec.CommandContext(ctx, python, "-c", "import torch; assert torch.cuda.is_available(), 'it sees no card'; print(torch.__version__)")
	version, err := look.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(version)), "\n")
		return times, fmt.Sprintf("not compared: %v: %s", err, lines[len(lines)-1])
	}
	asked, err := json.Marshal(cases)
	if err != nil {
		return times, err.Error()
	}
	script := exec.CommandContext(ctx, python, "-c", torchScript, "cuda")
	script.Stdin = bytes.NewReader(asked)
	var faults bytes.Buffer
	script.Stderr = &faults
	out, err := script.Output()
	if err == nil {
		err = json.Unmarshal(out, &times)
	}
	if err != nil || len(times) != len(cases) {
		return make([]float64, len(cases)), fmt.Sprintf("not compared: %v: %s", err, faults.String())
	}
	return times, strings.TrimSpace(string(version)) + ", TF32 off; it holds bf16 in memory, ours is float32 there" + faults.String()
}
