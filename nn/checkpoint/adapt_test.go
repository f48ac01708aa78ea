package checkpoint_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// load declares one parameter "p" of a shape and loads t into it under the options.
func load(t *testing.T, shape []int, x checkpoint.Tensor, o checkpoint.LoadOptions) ([]float32, checkpoint.LoadReport, error) {
	t.Helper()
	w := layer.NewWeights(1)
	layer.NewBuilder(gorgonia.NewGraph(), w, nil).Param("p", shape, layer.Zeros)
	rep, err := checkpoint.Load(w, map[string]checkpoint.Tensor{"p": x}, o)
	return w.Data("p"), rep, err
}

func TestInputChannelsAreSummedForGrayImages(t *testing.T) {
	rgb := checkpoint.FromFloat32([]int{1, 3, 1, 2}, []float32{1, 2, 10, 20, 100, 200})
	got, rep, err := load(t, []int{1, 1, 1, 2}, rgb, checkpoint.LoadOptions{Channels: []string{"p"}})
	if err != nil || !cmp.Equal(got, []float32{111, 222}) || !cmp.Equal(rep.Adapted, []string{"p [1 3 1 2] -> [1 1 1 2]"}) {
		t.Errorf("%v, %+v, %v", got, rep, err)
	}
	gray := checkpoint.FromFloat32([]int{1, 1, 1, 2}, []float32{3, 6})
	if got, _, err = load(t, []int{1, 3, 1, 2}, gray, checkpoint.LoadOptions{Channels: []string{"p"}}); err != nil || !cmp.Equal(got, []float32{1, 2, 1, 2, 1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, _, err = load(t, []int{1, 1, 1, 2}, rgb, checkpoint.LoadOptions{}); err == nil {
		t.Error("channels changed without being asked for")
	}
	if _, _, err = load(t, []int{2, 1, 1, 2}, rgb, checkpoint.LoadOptions{Channels: []string{"p"}}); err == nil {
		t.Error("the number of outputs was adapted too")
	}
}

// TestPositionsFollowTheGrid: away from the edges bicubic interpolation reproduces a linear ramp, and everywhere a constant.
func TestPositionsFollowTheGrid(t *testing.T) {
	const from = 8
	data := []float32{-5, -6} // the class token, two channels: a ramp over x and a constant
	for range from {
		for x := range from {
			data = append(data, float32(x)+.5, 3)
		}
	}
	for _, to := range []int{4, 12} {
		got, _, err := load(t, []int{1, 1 + to*to, 2}, checkpoint.FromFloat32([]int{1, 1 + from*from, 2}, data), checkpoint.LoadOptions{Positions: []string{"p"}})
		if err != nil {
			t.Fatal(err)
		}
		patches, _, err := load(t, []int{1, to * to, 2}, checkpoint.FromFloat32([]int{1, from * from, 2}, data[2:]), checkpoint.LoadOptions{Positions: []string{"p"}})
		if err != nil || !cmp.Equal(patches, got[2:]) {
			t.Errorf("%d -> %d: without a class token the patches' positions are others: %v", from, to, err)
		}
		if got[0] != -5 || got[1] != -6 {
			t.Errorf("the class token's position became %v", got[:2])
		}
		for y := range to {
			for x := range to {
				at := 2 * (1 + y*to + x)
				want := (float64(x) + .5) * from / float64(to)
				inner := want > 4 && want < from-4 || to > from && want > 2 && want < from-2
				if inner && math.Abs(float64(got[at])-want) > 1e-5 || math.Abs(float64(got[at+1])-3) > 1e-5 {
					t.Errorf("%d -> %d at (%d, %d): %v, want %v and 3", from, to, y, x, got[at:at+2], want)
				}
			}
		}
	}
	if _, _, err := load(t, []int{1, 7, 2}, checkpoint.FromFloat32([]int{1, 1 + from*from, 2}, data), checkpoint.LoadOptions{Positions: []string{"p"}}); err == nil {
		t.Error("six positions are no square grid")
	}
}
