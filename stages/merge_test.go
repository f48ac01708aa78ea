package stages

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestClassesOfAMergeHaveNamesOfTheirOwn(t *testing.T) {
	for classes, want := range map[string]string{
		`["a","b"]`:     "",
		`["a","a","b"]`: `classes[1]: "a" is a second time: give each output a name of its own`,
		`["a",""]`:      "classes[1]: is empty: give the output a name",
	} {
		typ, _ := Lookup("merge")
		given := map[string]Given{"model": {Path: "m"}, "adapter": {Path: "a"}}
		_, err := Decode(typ, json.RawMessage(`{"classes":`+classes+`}`), given, map[string]string{"model": "out"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", classes, err, want)
		}
	}
}
