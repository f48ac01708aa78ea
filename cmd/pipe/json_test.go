package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdJSON holds one verb to what all promise of -json, however it ends.
func cmdJSON(ts *testscript.TestScript, _ bool, args []string) {
	var failed *exec.ExitError
	if err := ts.Exec("pipe", append([]string{"-json"}, args...)...); err != nil && !errors.As(err, &failed) {
		ts.Fatalf("%v", err)
	}
	if errs := ts.ReadFile("stderr"); errs != "" {
		ts.Fatalf("pipe -json %s wrote to standard error: %s", strings.Join(args, " "), errs)
	}
	for i, line := range strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n") {
		var object struct {
			Type   string
			Format string `json:"format_version"`
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			ts.Fatalf("line %d does not parse: %v: %s", i, err, line)
		}
		if args[0] == "validate" && i == 0 && object.Format != "" {
			continue // one object in Terraform's form, which has neither a type nor a version line before it
		}
		if object.Type == "" || (object.Type == "version") != (i == 0) {
			ts.Fatalf("line %d is of type %q: %s", i, object.Type, line)
		}
	}
}

func TestEveryVerbIsHeldToJSONLines(t *testing.T) {
	script, err := os.ReadFile("testdata/script/json.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range (&app{}).command().Commands() {
		if verb.Name() != "help" && !strings.Contains(string(script), "\njson "+verb.Name()) {
			t.Errorf("verb %s is not in testdata/script/json.txtar", verb.Name())
		}
	}
}
