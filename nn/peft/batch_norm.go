package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// BatchNorm trains gain and bias of every batch norm, which by default normalises by the batch and updates its running statistics, as in the paper.
//
// Paper: Frankle et al. 2021, arXiv:2003.00152, who train batch norms over random features; here the features are pretrained. norm trains the
// same parameters of a CNN with frozen statistics, which suits small batches. Published fine-tuning scripts often leave the mode to the model's
// train() and so update the statistics of batch norms that they call frozen: here it is an option, and the statistics are part of the
// saved difference when they move. Learning rates: norm's.
//
// Count: ResNet-50 53,120.
type BatchNorm struct {
	Mode string `pipe:"statistics" default:"update" oneof:"update,frozen" doc:"running statistics in training: update, or frozen"`
}

func init() {
	register(Method{
		Name: "batch_norm", Title: "BatchNorm tuning", Formula: "y = gain * norm(x) + bias of batch norms, gain and bias train", Paper: "arXiv:2003.00152",
		Step0: Equal, Merge: Exact, Statistics: layer.UpdateStatistics, PEFTType: "BATCH_NORM",
		Rates: Rates{model.CNN: 1e-2, model.Transformer: 1e-2},
		New:   func() Config { return &BatchNorm{} },
	})
}

// Apply implements Config.
func (c *BatchNorm) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, affine(s, func(k layer.Kind) bool { return k == layer.KindBatchNorm })), nil
}

// Statistics implements Statistician.
func (c *BatchNorm) Statistics() layer.Statistics {
	if c.Mode == "frozen" {
		return layer.FrozenStatistics
	}
	return layer.UpdateStatistics
}
