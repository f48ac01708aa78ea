package program

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

// mixed is a device that has products in bfloat16.
type mixed struct{ *recorder }

func (mixed) Caps() accel.Caps { return accel.Caps{Precisions: []string{"bfloat16"}} }

func TestProductsRunInThePrecisionAskedForAndAllElseInFloat32(t *testing.T) {
	n := newNet(t, mixed{newRecorder(t)})
	loss, w, _ := n.mlp()
	grads, err := Grad(loss, w...)
	n.must(err)
	p, err := Compile(n.g, append(grads, loss), Options{Memory: n.mem, Mode: Train, Precision: "bfloat16"})
	n.must(err)
	defer func() { n.must(p.Close()) }()
	for _, name := range strings.Fields(p.kernels()) {
		if product := strings.HasPrefix(name, "linear"); product != strings.HasSuffix(name, ".bfloat16") {
			t.Errorf("it runs %s", name)
		}
	}
}

func TestAPrecisionThatTheDeviceLacksIsRefused(t *testing.T) {
	n := newNet(t, cpu.New(1))
	loss, _, _ := n.mlp()
	_, err := Compile(n.g, []*gorgonia.Node{loss}, Options{Memory: n.mem, Precision: "bfloat16"})
	if err == nil || !strings.Contains(err.Error(), "cpu computes in float32, not in bfloat16") {
		t.Error(err)
	}
	p, err := Compile(n.g, []*gorgonia.Node{loss}, Options{Memory: n.mem, Precision: "float32"})
	n.must(err)
	n.must(p.Close())
}
