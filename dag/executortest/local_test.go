package executortest

import (
	"os"
	"testing"

	"github.com/pipe-ml/pipe/dag"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		Worker()
		return
	}
	os.Exit(m.Run())
}

func TestLocalKeepsThePromisesOfExecutors(t *testing.T) {
	Suite(t, func(t *testing.T) (dag.Executor, string) {
		x := &dag.Local{Argv: []string{os.Args[0], "worker"}}
		t.Cleanup(func() {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		})
		return x, t.TempDir()
	})
}
