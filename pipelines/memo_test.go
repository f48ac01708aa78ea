package pipelines

import (
	"fmt"
	"strings"
	"testing"
)

// TestInstancesShareOnlyWhatIsTheSameForAll names inputs, outputs and values by one axis or another, so that whatever
// is remembered for too many instances shows in one of them.
func TestInstancesShareOnlyWhatIsTheSameForAll(t *testing.T) {
	x := expandText(t, `
stage "command" "first" {
  matrix  = { row = [0, 1], column = ["a", "b"] }
  outputs = { out = "out-${each.column}.txt" }
  params  = { row = each.row }
  command = ["make", output.out]
}
stage "command" "second" {
  matrix  = command.first.matrix
  inputs  = each.row == 0 ? { zero = command.first.out } : { one = command.first.out }
  outputs = { out = "out.txt" }
  command = ["copy", try(input.zero, input.one), each.column]
}
stage "command" "third" {
  matrix  = command.second.matrix
  inputs  = { b = command.first.out, a = command.second.out }
  outputs = { out = "out.txt" }
  command = ["join", input.a, input.b, output.out]
}
`)
	want := []string{
		"command.first[0,\"a\"] [] out-a.txt map[command:[make @{output.out}] params:map[row:0]]",
		"command.first[0,\"b\"] [] out-b.txt map[command:[make @{output.out}] params:map[row:0]]",
		"command.first[1,\"a\"] [] out-a.txt map[command:[make @{output.out}] params:map[row:1]]",
		"command.first[1,\"b\"] [] out-b.txt map[command:[make @{output.out}] params:map[row:1]]",
		"command.second[0,\"a\"] [zero=command.first[0,\"a\"]] out.txt map[command:[copy @{input.zero} a]]",
		"command.second[0,\"b\"] [zero=command.first[0,\"b\"]] out.txt map[command:[copy @{input.zero} b]]",
		"command.second[1,\"a\"] [one=command.first[1,\"a\"]] out.txt map[command:[copy @{input.one} a]]",
		"command.second[1,\"b\"] [one=command.first[1,\"b\"]] out.txt map[command:[copy @{input.one} b]]",
	}
	for _, cell := range []string{"0,\"a\"", "0,\"b\"", "1,\"a\"", "1,\"b\""} {
		want = append(want, fmt.Sprintf("command.third[%[1]s] [a=command.second[%[1]s] b=command.first[%[1]s]] out.txt map[command:[join @{input.a} @{input.b} @{output.out}]]", cell))
	}
	if len(x.Nodes) != len(want) {
		t.Fatalf("%d instances, want %d", len(x.Nodes), len(want))
	}
	for i, n := range x.Nodes {
		var inputs []string
		for _, in := range n.Inputs {
			inputs = append(inputs, in.Name+"="+in.From.Address)
		}
		got := fmt.Sprint(n.Address, " ", inputs, " ", n.Outputs[0].Path, " ", n.Config)
		if got != want[i] {
			t.Errorf("%s\nwant %s", got, want[i])
		}
	}
}

func TestInstancesWithEqualConfigShareIt(t *testing.T) {
	x := expandText(t, `
stage "command" "x" {
  matrix  = { row = range(0, 3), column = range(0, 4) }
  outputs = { out = "out.txt" }
  params  = { row = each.row }
  command = ["make", output.out]
}
`)
	configs := map[string]bool{}
	for _, n := range x.Nodes {
		configs[fmt.Sprintf("%p", n.Config)] = true
	}
	if len(configs) != 3 {
		t.Errorf("%d configs for 3 rows", len(configs))
	}
}

func TestQuotedAndRepeatedInputNamesMeanWhatTheySay(t *testing.T) {
	x := expandText(t, `
stage "command" "x" {
  outputs = { out = "out.txt", other = "other.txt" }
  command = ["make"]
}
stage "command" "y" {
  inputs  = { "in" = command.x.out, in = command.x.other }
  outputs = { out = "out.txt" }
  command = ["cp", input.in, output.out]
}
`)
	var got []string
	for _, in := range x.Nodes[1].Inputs {
		got = append(got, in.Name+"="+in.From.Output)
	}
	if text := strings.Join(got, " "); text != "in=other" {
		t.Errorf("inputs %s", text)
	}
}
