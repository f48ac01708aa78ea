// Package train fits networks.
//
// Vocabulary. A step is one update of the weights; it follows the gradient of one batch, or the mean of several.
// An [Order] says which example is at a position of training: epoch after epoch, each a
// permutation drawn from (seed, epoch). A [Network] is compiled for training: its loss, the gradients of what
// its plan trains, an optimiser, the running statistics of its batch norms; all of that is its state. A
// [Run] is the loop: feed, step, now and then validate, keep the best state, stop early when it does not
// improve. It may train towards an [Average] of the weights, and leave its state with [Keep], from which it goes on
// after a kill to the same bits. A [Classifier] is the loop's use for labelled images, judged by a [Loss] and changed
// as [Augment] says; a [Predictor] only computes forwards.
//
// All randomness comes from package accel/rng by (seed, name), so a run gives the same bits each time.
package train
