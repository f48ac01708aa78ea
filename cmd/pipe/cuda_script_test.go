//go:build nvidia

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipe-ml/pipe/stages"
)

// TestCardScripts runs testdata/cuda/*.txtar on the double of the driver. Its settings are variables of the environment, FAKECUDA_...; the
// scheduler counts the cards by CUDA_VISIBLE_DEVICES, for there are none in /dev.
func TestCardScripts(t *testing.T) {
	if found, err := stages.SurveyGPUs(); err != nil || !strings.Contains(found[1], "fakecuda") {
		t.Fatalf("found %v, %v, want the double of the driver: make test-cuda builds it and runs on it", found, err)
	}
	p := scripts("testdata/cuda")
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("LD_LIBRARY_PATH", os.Getenv("LD_LIBRARY_PATH"))
		env.Setenv("CUDA_VISIBLE_DEVICES", "0")
		env.Setenv("FAKECUDA_QUIET", "1")
		return setup(env)
	}
	testscript.Run(t, p)
}
