package stages

import (
	"os"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/peft"
)

func TestAdaptersThatMergeTakesAreListedWhereTheyAreDocumented(t *testing.T) {
	merge, known := Lookup("merge")
	if !known {
		t.Fatal("there is no stage merge")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Join(peft.Foreign(), ", ")
	for place, has := range map[string]bool{
		"the stage":           strings.Contains(merge.Doc, "(save_pretrained): "+list+"."),
		"README's example":    strings.Contains(string(readme), "save_pretrained wrote: "+list+"\n"),
		"README's way back":   strings.Contains(string(readme), "# of finetune: "+list+" "),
		"README's conversion": strings.Contains(string(readme), "safetensors, "+list+" in the PEFT library's layout"),
	} {
		if !has {
			t.Errorf("%s does not list %s", place, list)
		}
	}
}
