package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// columns is the length of the second axis: range() of HCL gives at most 1,024 values.
const columns = 40

// actions is the size of a graph of n chains.
func actions(n int) int { return 3*n + 1 }

// write puts a file into a new folder dir.
func write(dir, name, text string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}

// writePipe writes the graph for pipe; n is a multiple of columns. middle names the output of the middle stage.
func writePipe(dir string, n int, middle string) error {
	return write(dir, "graph.hcl", fmt.Sprintf(`stage "command" "first" {
  matrix  = { row = range(0, %d), column = range(0, %d) }
  outputs = { out = "first.txt" }
  params  = { row = each.row, column = each.column }
  command = ["cp", params.file, output.out]
}

stage "command" "middle" {
  matrix  = command.first.matrix
  inputs  = { in = command.first.out }
  outputs = { out = %q }
  command = ["cp", input.in, output.out]
}

stage "command" "last" {
  matrix  = command.middle.matrix
  inputs  = { in = command.middle.out }
  outputs = { out = "last.txt" }
  command = ["cp", input.in, output.out]
}

stage "command" "figure" {
  inputs  = { all = all.command.last.out }
  outputs = { out = "figure.txt" }
  command = ["cp", input.all, output.out]
}
`, n/columns, columns, middle))
}

func writeNinja(dir string, n int) error {
	var b strings.Builder
	b.WriteString("rule echo\n  command = echo $what > $out\nrule cp\n  command = cp $in $out\n")
	for i := range n {
		fmt.Fprintf(&b, "build first/%d.txt: echo\n  what = %d\n", i, i)
		fmt.Fprintf(&b, "build middle/%d.txt: cp first/%d.txt\nbuild last/%d.txt: cp middle/%d.txt\n", i, i, i, i)
	}
	b.WriteString("build figure.txt: echo")
	for i := range n {
		fmt.Fprintf(&b, " last/%d.txt", i)
	}
	b.WriteString("\n  what = done\n")
	return write(dir, "build.ninja", b.String())
}

func writeSnakemake(dir string, n int) error {
	return write(dir, "Snakefile", fmt.Sprintf(`rule figure:
    input: expand("last/{i}.txt", i=range(%d))
    output: "figure.txt"
    shell: "echo done > {output}"

rule first:
    output: "first/{i}.txt"
    shell: "echo {wildcards.i} > {output}"

rule middle:
    input: "first/{i}.txt"
    output: "middle/{i}.txt"
    shell: "cp {input} {output}"

rule last:
    input: "middle/{i}.txt"
    output: "last/{i}.txt"
    shell: "cp {input} {output}"
`, n))
}

func writeDVC(dir string, n int) error {
	var items, deps []string
	for i := range n {
		items = append(items, fmt.Sprint(i))
		deps = append(deps, fmt.Sprintf("last/%d.txt", i))
	}
	each := strings.Join(items, ", ")
	var b strings.Builder
	fmt.Fprintf(&b, `stages:
  first:
    foreach: [%s]
    do:
      cmd: echo ${item} > first/${item}.txt
      outs: ["first/${item}.txt"]
`, each)
	for _, s := range [][2]string{{"first", "middle"}, {"middle", "last"}} {
		fmt.Fprintf(&b, `  %[2]s:
    foreach: [%[3]s]
    do:
      cmd: cp %[1]s/${item}.txt %[2]s/${item}.txt
      deps: ["%[1]s/${item}.txt"]
      outs: ["%[2]s/${item}.txt"]
`, s[0], s[1], each)
	}
	fmt.Fprintf(&b, "  figure:\n    cmd: echo done > figure.txt\n    deps: [%s]\n    outs: [figure.txt]\n", strings.Join(deps, ", "))
	for _, sub := range []string{"first", "middle", "last", ".dvc/tmp"} { // DVC's commands make no folders
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(dir, ".dvc"), "config", "[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n"); err != nil {
		return err
	}
	return write(dir, "dvc.yaml", b.String())
}
