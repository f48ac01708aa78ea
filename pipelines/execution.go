package pipelines

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// metaOrder lists the meta-arguments that a stage has, in a fixed order.
func metaOrder(meta map[string]*attribute) []string {
	names := make([]string, 0, len(meta))
	for name := range meta {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// execution evaluates how the instance runs: resources, retry, executor and salt.
func (e *evaluator) execution(n *dag.Node) {
	t := e.stage.schema.Type
	n.Resources = dag.Resources{CPUs: max(1, t.CPUs), Memory: t.Memory}
	for _, name := range metaOrder(e.stage.meta) {
		a := e.stage.meta[name]
		if has(cellAttributes, name) {
			continue
		}
		value, ok := e.config(a)
		if !ok || value == nil {
			continue
		}
		if err := e.setExecution(n, name, value); err != nil {
			e.report(a, e.explain(a, mistake(a.expr.Range(), "Invalid value", "%s: %s", name, stopped(err.Error()))))
		}
	}
	switch n.Config[stages.DeviceAttribute] {
	case stages.DeviceAuto:
		n.Resources.Fallback = true
	case stages.DeviceCUDA:
		n.Resources.GPUs = max(1, n.Resources.GPUs)
	case stages.DeviceCPU:
		if n.Resources.GPUs > 0 {
			a := e.stage.meta["resources.gpus"]
			e.report(a, mistake(a.expr.Range(), "Invalid value", "resources.gpus asks for a GPU, and device = \"cpu\" leaves it idle: leave one of the two out."))
		}
		if n.Config[stages.PrecisionAttribute] == stages.PrecisionBFloat16 {
			a := e.stage.attr(stages.PrecisionAttribute)
			e.report(a, mistake(a.expr.Range(), "Invalid value", "precision = \"bf16\" is a GPU's, and device = \"cpu\" multiplies in float32: leave one of the two out."))
		}
	}
	if a := e.stage.meta["resources.gpu_memory"]; n.Resources.GPUMemory > 0 && n.Resources.GPUs == 0 {
		e.report(a, mistake(a.expr.Range(), "Invalid value", "resources.gpu_memory is a share of each card, and the stage asks for none: set gpus too."))
	}
}

// setExecution stores one meta-argument in the node.
func (e *evaluator) setExecution(n *dag.Node, name string, value any) (err error) {
	switch name {
	case "resources.cpus":
		n.Resources.CPUs, err = whole(value, 1)
	case "resources.gpus":
		n.Resources.GPUs, err = whole(value, 0)
	case "resources.gpu_memory":
		n.Resources.GPUMemory, err = parseMemory(value)
	case "resources.memory":
		n.Resources.Memory, err = parseMemory(value)
	case "resources.time":
		n.Resources.Time, err = parseTime(value)
	case "retry.attempts":
		n.Retry.Attempts, err = whole(value, 1)
	case "retry.on":
		n.Retry.On, err = failures(value)
	case "executor":
		s, ok := value.(string)
		if names := e.stage.in.p.executorNames(); !ok || !has(names, s) {
			return fmt.Errorf("there is no executor %v.%s", axisText(value), didYouMean(s, names))
		}
		n.Executor = s
	case "salt":
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("must be a string, not %s", axisText(value))
		}
		n.Salt = s
	}
	return err
}

func failures(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("must be a list of %s", listing(dag.Classes))
	}
	var kinds []string
	for _, x := range list {
		s, ok := x.(string)
		if !ok || !has(dag.Classes, s) {
			return nil, fmt.Errorf("%v is no kind of failure.%s", x, didYouMean(s, dag.Classes))
		}
		kinds = append(kinds, s)
	}
	return kinds, nil
}

func whole(value any, least int) (int, error) {
	f, ok := value.(float64)
	if !ok || f != math.Trunc(f) || f < float64(least) || f > 1<<20 {
		return 0, fmt.Errorf("must be a whole number from %d, not %s", least, axisText(value))
	}
	return int(f), nil
}

var memoryUnits = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
}

// ParseSize reads what a user writes for a number of bytes: "6GiB".
func ParseSize(text string) (int64, error) { return parseMemory(text) }

// parseMemory reads 4096 (bytes), "512MiB", "6GiB" or "6GB".
func parseMemory(value any) (int64, error) {
	wrong := fmt.Errorf("must be a size such as \"6GiB\" or \"512MiB\", not %s", axisText(value))
	var amount float64
	switch v := value.(type) {
	case float64:
		amount = v
	case string:
		number, factor := strings.TrimSpace(v), 1.0
		for _, u := range memoryUnits {
			if rest, ok := strings.CutSuffix(number, u.suffix); ok {
				number, factor = strings.TrimSpace(rest), u.factor
				break
			}
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, wrong
		}
		amount = f * factor
	}
	if !(amount >= 1 && amount < 1<<60) {
		return 0, wrong
	}
	return int64(amount), nil
}

// parseTime reads seconds or a duration such as "90m".
func parseTime(value any) (time.Duration, error) {
	wrong := fmt.Errorf("must be a duration such as \"90m\" or \"6h\", not %s", axisText(value))
	switch v := value.(type) {
	case float64:
		if v > 0 && v < 1e9 {
			return time.Duration(v * float64(time.Second)), nil
		}
	case string:
		if d, err := time.ParseDuration(v); err == nil && d > 0 {
			return d, nil
		}
	}
	return 0, wrong
}
