package roofline

import (
	"bytes"
	"flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write ROOFLINE.md anew")

// The page's text is written by hand and its figures by Markdown, so that no figure is.
func TestThePageHasTheFiguresOfTheFormulas(t *testing.T) {
	const page, from = "../../ROOFLINE.md", "<!-- what follows is computed: go test ./accel/cuda/internal/roofline -update -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(text), from)
	if !ok {
		t.Fatalf("%s has no line %q", page, from)
	}
	b := bytes.NewBufferString(head + from + "\n")
	if err := Markdown(b, H100, Cases()); err != nil {
		t.Fatal(err)
	}
	b.WriteString("\n| kernel | | what keeps it from the roof |\n|---|---|---|\n")
	var told []string
	for _, c := range Cases() {
		if line := "| `" + c.Kernel + "` | " + c.Precision() + " | " + c.Why + " |\n"; c.Why != "" && !slices.Contains(told, line) {
			told = append(told, line)
			b.WriteString(line)
		}
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b.String() != string(text) {
		t.Errorf("%s is not what the formulas give: run this test with -update", page)
	}
}

func TestNoKernelIsAboveTheRoof(t *testing.T) {
	for _, c := range Cases() {
		roof := c.Roof(H100)
		if seconds, by := c.Bound(H100); !(seconds >= roof*(1-1e-9)) || by == "" {
			t.Errorf("%s %s: %g s by %q, the roof is %g s", c.Kernel, c.Shapes(), seconds, by, roof)
		}
	}
}

func TestEveryFunctionThatTakesTimeWasAssembled(t *testing.T) {
	for _, card := range []Card{H100, {Multiprocessors: 1 << 20, FP32: 1, BF16: 1, Memory: 1}} { // small squares too
		for _, c := range Cases() {
			for _, w := range c.works(card) {
				if resources()[w.function].registers == 0 {
					t.Errorf("%s is not in resources.txt: run make ptxas", w.function)
				}
			}
		}
	}
}

func TestTheDriversAttributesGiveTheDataSheetsPeaks(t *testing.T) {
	for _, c := range []struct {
		a                  Attributes
		fp32, bf16, memory float64
	}{
		{Attributes{"H100 SXM", 132, 9, 0, 1980000, 2619000, 5120}, 67e12, 1070e12, 3.35e12}, // the sheet's 989 are at 1.83 GHz
		{Attributes{"A100 SXM", 108, 8, 0, 1410000, 1593000, 5120}, 19.5e12, 312e12, 2.04e12},
		{Attributes{"V100 SXM", 80, 7, 0, 1530000, 877000, 4096}, 15.7e12, 0, 0.9e12},
	} {
		got := Of(c.a)
		for _, p := range [][2]float64{{got.FP32, c.fp32}, {got.BF16, c.bf16}, {got.Memory, c.memory}} {
			if math.Abs(p[0]-p[1]) > 0.01*p[1] {
				t.Errorf("%s has %+v, want %g", c.a.Name, got, p[1])
			}
		}
	}
}
