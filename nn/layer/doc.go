// Package layer builds networks: a Builder makes Gorgonia nodes from layers whose paths are the checkpoint's keys, and
// Weights holds what the paths name.
//
// Vocabulary. A path is dotted as in the checkpoint ("blocks.3.attn.qkv"); a parameter is a path plus
// "weight", "bias" and so on. A site is a place where a fine-tuning method may act: a linear map, a
// convolution, a normalisation, an embedding, an attention, a branch of a residual block, a block, the features that the head reads. The builder records sites as it
// builds. An edit is a typed change at a site (Train, Delta, Reweight, Scale, After, Parallel, Align, Prefix, Tokens), a Plan a set of them, applied while
// the network is built again.
// Model code names its sites and knows nothing of methods.
//
// Two passes:
//
//	rec := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
//	model(rec)                                     // records sites and parameters, allocates no weights
//	plan, err := layer.NewPlan(rec.Sites(), edits, layer.FrozenStatistics)
//	b := layer.NewBuilder(g, w, plan)
//	logits := model(b)
//	if err := b.Finish(); err != nil { … }         // the first error, or edits that matched nothing
package layer
