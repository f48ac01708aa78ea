package checkpoint

import "regexp"

// oldDenseLayer is a key of torchvision's first DenseNet checkpoints, which name a layer's parts norm.1 for norm1.
var oldDenseLayer = regexp.MustCompile(`^(.*\.denselayer\d+\.(?:norm|conv))\.([12]\..*)$`)

// DenseNetFromTorchvision returns the tensors of nn/model's DenseNet from those of torchvision's published files, or from those of
// torchxrayvision, whose thresholds of the findings are left out.
func DenseNetFromTorchvision(tensors map[string]Tensor) map[string]Tensor {
	out := make(map[string]Tensor, len(tensors))
	for name, t := range tensors {
		if name != "op_threshs" {
			out[oldDenseLayer.ReplaceAllString(name, "$1$2")] = t
		}
	}
	return out
}
