package artifact

import (
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/pipe-ml/pipe/nn/metric"
)

// Metrics are the figures of one evaluation by name, each with its confidence interval. A figure that was
// not defined, such as the AUROC of a single class, is NaN here and null in the file.
type Metrics map[string]metric.Interval

type interval struct {
	Value *float64 `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

// WriteMetrics writes m as a JSON object, sorted by name.
func WriteMetrics(path string, m Metrics) error {
	file := make(map[string]interval, len(m))
	for name, v := range m {
		file[name] = interval{finite(v.Value), finite(v.Low), finite(v.High)}
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// ReadMetrics reads what WriteMetrics wrote.
func ReadMetrics(path string) (Metrics, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file map[string]interval
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("metrics %s: %w", path, err)
	}
	m := make(Metrics, len(file))
	for name, v := range file {
		m[name] = metric.Interval{Value: orNaN(v.Value), Low: orNaN(v.Low), High: orNaN(v.High)}
	}
	return m, nil
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
