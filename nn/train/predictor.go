package train

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/program"
)

// Predictor computes a classifier's features and logits, batch by batch, forward only. What it returns
// for an image does not depend on the other images of the batch.
type Predictor struct {
	model    model.Classifier
	batch    int
	prog     *program.Program
	images   *layer.Node
	features *layer.Node
	logits   *layer.Node
}

// NewPredictor compiles m on the weights in mem, uploading those that are not there; plan holds the edits of a fine-tuned model, or is nil.
func NewPredictor(mem *program.Memory, m model.Classifier, w *layer.Weights, plan *layer.Plan, batch int) (*Predictor, error) {
	b := layer.NewBuilder(gorgonia.NewGraph(), w, plan)
	in := m.Input()
	p := &Predictor{model: m, batch: batch}
	p.images = b.Input("images", tensor.Float32, batch, in.Channels, in.Size, in.Size)
	p.features = m.Features(b, p.images)
	outputs := []*layer.Node{p.features}
	if m.Classes() > 0 {
		p.logits = m.Head(b, p.features)
		outputs = append(outputs, p.logits)
	}
	var err error
	p.prog, err = CompileForward(mem, b, w, outputs...)
	return p, err
}

// Prediction is the network's answer for a list of images, row by row.
type Prediction struct {
	Features []float32 // [N, D]
	Logits   []float32 // [N, classes]; empty without a head
}

// Predict runs the network on the images of set at index; nil means all.
func (p *Predictor) Predict(ctx context.Context, set Images, index []int) (Prediction, error) {
	in := p.model.Input()
	if err := set.Validate(in); err != nil {
		return Prediction{}, err
	}
	if index == nil {
		index = make([]int, set.Len())
		for i := range index {
			index[i] = i
		}
	}
	var out Prediction
	per := in.Channels * in.Size * in.Size
	input := make([]float32, p.batch*per)
	for at := 0; at < len(index); at += p.batch {
		n := min(p.batch, len(index)-at)
		for j := range n {
			set.Normalise(input[j*per:(j+1)*per], index[at+j], in, Placement{})
		}
		clear(input[n*per:])
		if err := errors.Join(p.prog.Set(p.images, input), p.prog.Run(ctx)); err != nil {
			return Prediction{}, err
		}
		if err := p.collect(p.features, n, &out.Features); err != nil {
			return Prediction{}, err
		}
		if p.logits == nil {
			continue
		}
		if err := p.collect(p.logits, n, &out.Logits); err != nil {
			return Prediction{}, err
		}
	}
	return out, nil
}

// collect appends the first n rows of an output.
func (p *Predictor) collect(node *layer.Node, n int, to *[]float32) error {
	rows, err := p.prog.Value(node)
	if err != nil {
		return fmt.Errorf("prediction: %w", err)
	}
	*to = append(*to, rows[:n*len(rows)/p.batch]...)
	return nil
}

// Close frees the program.
func (p *Predictor) Close() error { return p.prog.Close() }
