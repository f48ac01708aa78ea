package pipelines

import "testing"

func TestAVersionIsComparedAsTerraformDoes(t *testing.T) {
	for constraint, ok := range map[string]bool{
		">= 0.1":        true,
		"> 0.1.0":       false,
		"!= 0.1.0":      false,
		">= 0.1, < 0.2": true,
		"~> 0.1.0":      true,
		"~> 0.1":        true,
		"~> 0.0":        true, // the last part that is given may grow
		"~> 0":          true,
		"~> 0.0.9":      false,
		"~> 0.1.1":      false,
		"~> 0.2":        false,
		"~> 1":          false,
		"~> 0.1.0-rc.1": true,
		"=> 0.1":        false,
		"newest":        false,
	} {
		if err := checkVersion(constraint); (err == nil) != ok {
			t.Errorf("%s: %v", constraint, err)
		}
	}
}
