package stages

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheSupportMatrixIsGolden: a method without its line fails it, and so does one that trains other numbers than before.
func TestTheSupportMatrixIsGolden(t *testing.T) {
	t.Parallel()
	all, err := Methods(MethodNames())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, m := range all {
		fmt.Fprintf(&text, "%s merges=%t step0=%s statistics=%s\n", m.Name, m.Merges, m.Step0, m.Statistics)
		for _, n := range m.Networks {
			if n.Refused != "" {
				fmt.Fprintf(&text, "  %s: %s\n", n.Network, n.Refused)
			} else {
				fmt.Fprintf(&text, "  %s: %d, %.4f %%, with the head %.4f %%\n", n.Network, n.Count, n.Percent, n.PercentWithHead)
			}
		}
	}
	file := filepath.Join("testdata", "methods.txt")
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text.String()); d != "" {
		t.Errorf("%s\nIf it is meant: go test ./stages -run SupportMatrix -update", d)
	}
}
