package checkpoint_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// writeTFJS writes a model of one conv, one depthwise conv and one dense layer whose values count from 0 in each weight.
func writeTFJS(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	manifest := `{"weightsManifest":[
	{"paths":["g1"],"weights":[{"name":"conv/kernel","shape":[1,2,3,2],"dtype":"float32"},{"name":"conv/bias","shape":[2],"dtype":"float32"}]},
	{"paths":["g2a","g2b"],"weights":[{"name":"dw/depthwise_kernel","shape":[2,1,3,1],"dtype":"float32"}]},
	{"paths":["g3"],"weights":[{"name":"fc/kernel","shape":[2,3],"dtype":"float32"}]}]}`
	count := func(ns ...int) (raw []byte) {
		for _, n := range ns {
			for i := range n {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(i)))
			}
		}
		return raw
	}
	for name, raw := range map[string][]byte{
		"model.json": []byte(manifest), "g1": count(12, 2), "g2a": count(6)[:8], "g2b": count(6)[8:], "g3": count(6),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestKerasLayoutsBecomeOurs(t *testing.T) {
	got, missing, err := checkpoint.ReadTFJS(writeTFJS(t))
	if err != nil || len(missing) > 0 {
		t.Fatal(err, missing)
	}
	want := map[string]checkpoint.Tensor{
		"conv/kernel":         checkpoint.FromFloat32([]int{2, 3, 1, 2}, []float32{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11}),
		"conv/bias":           checkpoint.FromFloat32([]int{2}, []float32{0, 1}),
		"dw/depthwise_kernel": checkpoint.FromFloat32([]int{3, 1, 2, 1}, []float32{0, 3, 1, 4, 2, 5}),
		"fc/kernel":           checkpoint.FromFloat32([]int{3, 2}, []float32{0, 3, 1, 4, 2, 5}),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestMissingShardsAreReportedAndWrongSizesRefused(t *testing.T) {
	dir := writeTFJS(t)
	if err := os.Remove(filepath.Join(dir, "g1")); err != nil {
		t.Fatal(err)
	}
	got, missing, err := checkpoint.ReadTFJS(dir)
	if err != nil || len(got) != 2 || !cmp.Equal(missing, []string{"conv/kernel", "conv/bias"}) {
		t.Errorf("%d tensors, missing %v, %v", len(got), missing, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "g3"), []byte{1, 2, 3, 4}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := checkpoint.ReadTFJS(dir); err == nil || !strings.Contains(err.Error(), "g3: 4 bytes, its weights take 24") {
		t.Errorf("error %v", err)
	}
}

func TestMobileNetNamesAndHead(t *testing.T) {
	one := checkpoint.FromFloat32([]int{1}, []float32{1})
	in := map[string]checkpoint.Tensor{
		"conv1/kernel": one, "conv1_bn/gamma": one, "conv1_bn/moving_variance": one, "conv_dw_13/depthwise_kernel": one, "conv_pw_13_bn/beta": one,
		"conv_preds/kernel": checkpoint.FromFloat32([]int{5, 2, 1, 1}, make([]float32, 10)), "conv_preds/bias": checkpoint.FromFloat32([]int{5}, make([]float32, 5)),
	}
	out, dropped, err := checkpoint.MobileNetV1FromKeras(in, 13)
	if err != nil || len(dropped) > 0 {
		t.Fatal(err, dropped)
	}
	for name, shape := range map[string][]int{
		"conv1.weight": {1}, "conv1_bn.weight": {1}, "conv1_bn.running_var": {1}, "conv_dw_13.weight": {1}, "conv_pw_13_bn.bias": {1}, "head.weight": {5, 2}, "head.bias": {5},
	} {
		if d := cmp.Diff(shape, out[name].Shape); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	_, dropped, err = checkpoint.MobileNetV1FromKeras(in, 12)
	if err != nil || !cmp.Equal(dropped, []string{"conv_dw_13/depthwise_kernel", "conv_preds/bias", "conv_preds/kernel", "conv_pw_13_bn/beta"}) {
		t.Errorf("dropped %v, %v", dropped, err)
	}
}

// TestPublishedMobileNet reads the real weights where shared data are at hand.
func TestPublishedMobileNet(t *testing.T) {
	dir := sharedData("mobilenet_v1_imagenet/v1_1.0_224")
	if dir == "" {
		t.Log("shared/data/mobilenet_v1_imagenet is not here; the generated model above stands for it")
		return
	}
	raw, missing, err := checkpoint.ReadTFJS(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"conv_dw_13/depthwise_kernel", "conv_dw_13_bn/gamma", "conv_dw_13_bn/beta", "conv_dw_13_bn/moving_mean", "conv_dw_13_bn/moving_variance",
		"conv_preds/kernel", "conv_preds/bias", "conv_pw_13/kernel", "conv_pw_13_bn/gamma", "conv_pw_13_bn/beta", "conv_pw_13_bn/moving_mean", "conv_pw_13_bn/moving_variance"}
	if d := cmp.Diff(want, missing); d != "" {
		t.Error(d)
	}
	out, _, err := checkpoint.MobileNetV1FromKeras(raw, 12)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, x := range out {
		total += x.Len()
	}
	// The README of the data counts 2,162,880 floats: 2,140,864 parameters of the trunk and its running statistics.
	if total != 2_162_880 || len(out) != 25*5 {
		t.Errorf("%d values in %d tensors", total, len(out))
	}
	w := layer.NewWeights(1)
	v, err := model.Lookup("mobilenet_v1_trunk_224")
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.New(model.Options{Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	m.Head(b, m.Features(b, b.Input("images", tensor.Float32, 1, 3, 224, 224)))
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	rep, err := checkpoint.Load(w, out, checkpoint.LoadOptions{Fresh: []string{"head.*"}})
	if err != nil || !cmp.Equal(rep.Fresh, []string{"head.bias", "head.weight"}) {
		t.Errorf("%+v, %v", rep, err)
	}
	variance, err := out["conv_pw_12_bn.running_var"].Float32()
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range variance {
		if !(v > 0) {
			t.Fatalf("running variance %d is %v", i, v)
		}
	}
}

// sharedData finds a folder of shared/data, walking up from the package; empty if it is not here.
func sharedData(name string) string {
	root := os.Getenv("PIPE_SHARED_DATA")
	if root == "" {
		at, err := os.Getwd()
		for ; err == nil && at != filepath.Dir(at); at = filepath.Dir(at) {
			if _, err := os.Stat(filepath.Join(at, "shared", "data")); err == nil {
				root = filepath.Join(at, "shared", "data")
				break
			}
		}
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); root == "" || err != nil {
		return ""
	}
	return dir
}
