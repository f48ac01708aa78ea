package stages

import "strings"

// A command line is part of an action's key, so it must not hold the private paths of one run. The
// expressions input.NAME, output.NAME and params.file therefore evaluate to placeholders, and the command
// stage puts the paths in when it runs.

// InputPlaceholder stands for the path of an input in the strings of a command stage.
func InputPlaceholder(name string) string { return "@{input." + name + "}" }

// OutputPlaceholder stands for the path of an output.
func OutputPlaceholder(name string) string { return "@{output." + name + "}" }

// ParamsPlaceholder stands for the path of the JSON file that holds the params.
const ParamsPlaceholder = "@{params.file}"

// placeholders returns a replacer that puts the paths in.
func placeholders(inputs map[string]Input, outputs map[string]Output, params string) *strings.Replacer {
	pairs := []string{ParamsPlaceholder, params}
	for _, name := range sortedKeys(inputs) {
		pairs = append(pairs, InputPlaceholder(name), inputs[name].Path)
	}
	for _, name := range sortedKeys(outputs) {
		pairs = append(pairs, OutputPlaceholder(name), string(outputs[name]))
	}
	return strings.NewReplacer(pairs...)
}
