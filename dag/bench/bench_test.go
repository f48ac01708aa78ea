package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGraphsHaveTheSameActions(t *testing.T) {
	const n = 2 * columns
	for name, tt := range map[string]struct {
		write func(dir string, n int) error
		file  string
		marks map[string]int // text -> how often it is there
	}{
		"ninja":     {writeNinja, "build.ninja", map[string]int{"build first/": n, "build middle/": n, "build last/": n, "build figure.txt": 1}},
		"Snakemake": {writeSnakemake, "Snakefile", map[string]int{"\nrule": 3, "range(80)": 1}},
		"DVC":       {writeDVC, "dvc.yaml", map[string]int{"foreach: [0, 1,": 3, ", 79]": 3, "\"last/${item}.txt\"": 1, "last/79.txt": 1}},
		"pipe": {func(dir string, n int) error { return writePipe(dir, n, "m.txt") }, "graph.hcl",
			map[string]int{"range(0, 2)": 1, "range(0, 40)": 1, `stage "command"`: 4, `"m.txt"`: 1}},
	} {
		dir := filepath.Join(t.TempDir(), "graph")
		if err := tt.write(dir, n); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		for mark, want := range tt.marks {
			if got := strings.Count(string(text), mark); got != want {
				t.Errorf("%s: %q is there %d times, want %d", name, mark, got, want)
			}
		}
	}
}

func TestSizesAreMultiplesOfTheSecondAxis(t *testing.T) {
	var list []int
	if err := sizes(&list)("40,680"); err != nil || len(list) != 2 || list[1] != 680 {
		t.Errorf("%v, %v", list, err)
	}
	if err := sizes(&list)(""); err != nil || list != nil {
		t.Errorf("%v, %v", list, err)
	}
	for _, text := range []string{"41", "0", "-40", "x"} {
		if err := sizes(&list)(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestMedianIsOfEachQuantity(t *testing.T) {
	got := median([]sample{{3, 10, 5}, {1, 30, 7}, {2, 20, 6}})
	if got != (sample{2, 20, 6}) {
		t.Errorf("%+v", got)
	}
}

func TestNumbersAreSpelledForPeople(t *testing.T) {
	for got, want := range map[string]string{
		seconds(0.004): "0.00 s", seconds(0.123): "0.12 s", seconds(1.26): "1.3 s", seconds(72.4): "72 s",
		thousands(121): "121", thousands(6121): "6,121", thousands(39961): "39,961",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
