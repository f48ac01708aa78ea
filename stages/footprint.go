package stages

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pipe-ml/pipe/nn/train"
)

// footprint tells at the end of the log what a training took. Memory is recorded too, for it is the same wherever the action
// runs; the time is not.
func footprint(r Reporter, res train.Result, batch int, took time.Duration) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	made := res.Steps - res.Resumed
	row("steps", "%d", res.Steps)
	row("time", "%v", took.Round(time.Millisecond))
	if made > 0 {
		row("images/s", "%.1f, validations included", float64(made*batch)/took.Seconds())
	}
	row("trained parameters", "%d", res.Trained)
	for _, part := range []struct {
		name, metric string
		bytes        int64
	}{
		{"weights", "memory_weights", res.Memory.Weights}, {"activations", "memory_activations", res.Memory.Activations},
		{"gradients", "memory_gradients", res.Memory.Gradients}, {"optimizer", "memory_optimizer", res.Memory.Optimiser},
	} {
		row("memory of "+part.name, "%.1f MiB", float64(part.bytes)/(1<<20))
		r.Metric(part.metric, float64(part.bytes))
	}
	row("memory of a step", "%.1f MiB", float64(res.Memory.Total())/(1<<20))
	_ = w.Flush() // a strings.Builder takes everything
	for line := range strings.Lines(b.String()) {
		r.Log("%s", strings.TrimRight(line, "\n"))
	}
}
