package checkpoint

import (
	"fmt"
	"strings"
)

// MobileNetV1FromKeras renames the tensors of Keras Applications' MobileNet-v1, as ReadTFJS gives them, to those of
// nn/model's MobileNet: paths are Keras' layer names, parameters PyTorch's. The classifier conv_preds, a 1x1 convolution
// over 1000 classes, becomes the linear "head".
//
// pairs is the depth of the network: tensors of later pairs are dropped, as is a head that would not follow the last pair;
// dropped lists their Keras names. The strict Load tells what the network still misses.
func MobileNetV1FromKeras(tensors map[string]Tensor, pairs int) (out map[string]Tensor, dropped []string, err error) {
	param := map[string]string{
		"kernel": "weight", "depthwise_kernel": "weight", "bias": "bias",
		"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
	}
	out = map[string]Tensor{}
	for _, n := range sortedNames(tensors) {
		t := tensors[n]
		path, last, _ := strings.Cut(n, "/")
		p, ok := param[last]
		if !ok {
			return nil, nil, fmt.Errorf("%s: not a weight of Keras' MobileNet", n)
		}
		if pair := mobileNetPair(path); pair > pairs || path == "conv_preds" && pairs < 13 {
			dropped = append(dropped, n)
			continue
		}
		if path == "conv_preds" {
			path = "head"
			t.Shape = t.Shape[:1:1]
			if p == "weight" {
				t.Shape = append(t.Shape, tensors[n].Shape[1])
			}
		}
		out[path+"."+p] = t
	}
	return out, dropped, nil
}

// mobileNetPair is the number in "conv_dw_3", "conv_pw_3_bn"; 0 for the stem and the head.
func mobileNetPair(path string) (n int) {
	for _, f := range []string{"conv_dw_%d", "conv_pw_%d"} {
		if _, err := fmt.Sscanf(path, f, &n); err == nil {
			return n
		}
	}
	return 0
}
