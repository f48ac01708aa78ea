//go:build slurm

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestClusterScripts runs testdata/cluster/*.txtar on the private Slurm that make test-slurm has started.
func TestClusterScripts(t *testing.T) {
	conf := os.Getenv("SLURM_CONF")
	if os.Getenv("SLURM_CLUSTER") == "" || conf == "" {
		t.Fatal("no cluster: run this test by make test-slurm")
	}
	pipe, err := exec.LookPath("pipe")
	if err != nil {
		t.Fatal(err)
	}
	// Of the programs that testscript puts on the PATH only pipe: the others are a Slurm that is none.
	bin := t.TempDir()
	if err := os.Symlink(pipe, filepath.Join(bin, "pipe")); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/cluster",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("SLURM_CONF", conf)
			env.Setenv("PATH", bin+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": cmdExits, "summary": cmdSummary},
	})
}
