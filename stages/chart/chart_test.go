package chart

import (
	"bytes"
	"errors"
	"flag"
	"html"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var keep = flag.String("keep", "", "folder to leave the drawn charts in, to look at them")

func sweep() Chart {
	return Chart{
		Kind: "line", Title: "Data volume", XLabel: "fraction of the training data", YLabel: "AUROC", XScale: "log",
		Width: 16, Height: 10,
		Series: []Series{
			{"full", []Point{{0.02, 0.6, 0.03}, {0.1, 0.75, 0.02}, {1, 0.9, 0.01}}},
			{"lora", []Point{{0.02, 0.66, 0.02}, {0.1, 0.77, 0.03}, {1, 0.88, 0.01}}},
			{"adaptformer", []Point{{0.02, 0.64, 0.05}, {0.1, 0.74, 0.03}, {1, 0.86, 0.01}}},
		},
	}
}

func parameters() Chart {
	return Chart{
		Kind: "scatter", XLabel: "trained weights, %", YLabel: "F1", XScale: "symlog", Width: 16, Height: 10,
		Series: []Series{
			{"linear", []Point{{0, 0.4, 0.02}}}, {"bitfit", []Point{{0.34, 0.5, 0.02}}},
			{"lora", []Point{{2, 0.6, 0.01}}}, {"full", []Point{{100, 0.65, 0.01}}},
		},
	}
}

func bars() Chart {
	return Chart{
		Kind: "bar", Title: "Methods", YLabel: "F1", Width: 16, Height: 10, Categories: []string{"full", "lora", "vpt"},
		Series: []Series{
			{"2 %", []Point{{0, 0.5, 0.05}, {1, 0.6, 0.02}, {2, 0.4, 0.1}}},
			{"100 %", []Point{{0, 0.9, 0.01}, {1, 0.88, 0.02}, {2, 0.8, 0.03}}},
		},
	}
}

func TestAChartDrawnTwiceHasTheSameBytes(t *testing.T) {
	scatter := sweep()
	scatter.Kind = "scatter"
	for name, c := range map[string]Chart{"line": sweep(), "bar": bars(), "scatter": scatter, "symlog": parameters()} {
		a, err := c.Draw()
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Draw()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.SVG, b.SVG) || !bytes.Equal(a.PDF, b.PDF) || !bytes.Equal(a.PNG, b.PNG) {
			t.Errorf("%s: two drawings differ", name)
		}
		if !bytes.HasPrefix(a.PDF, []byte("%PDF")) || !bytes.Contains(a.SVG, []byte("<svg")) {
			t.Errorf("%s: not a PDF and an SVG", name)
		}
		if _, err := png.Decode(bytes.NewReader(a.PNG)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if *keep != "" {
			if err := errors.Join(os.WriteFile(filepath.Join(*keep, name+".png"), a.PNG, 0o644), os.WriteFile(filepath.Join(*keep, name+".svg"), a.SVG, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestThePointsReachTheDrawing(t *testing.T) {
	a, err := sweep().Draw()
	if err != nil {
		t.Fatal(err)
	}
	moved := sweep()
	moved.Series[1].Points[0].Y += 0.05
	b, err := moved.Draw()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.SVG, b.SVG) {
		t.Error("moving a point changed nothing")
	}
	for _, text := range []string{"Data volume", "adaptformer", "AUROC"} {
		if !strings.Contains(string(a.SVG), text) {
			t.Errorf("the drawing lacks %q", text)
		}
	}
}

func TestAnSVGHoldsWithAnyFont(t *testing.T) {
	c := sweep()
	c.Title = `a "<text " font-family:Liberation Serif;`
	images, err := c.Draw()
	if err != nil {
		t.Fatal(err)
	}
	drawn := string(images.SVG)
	if texts := strings.Count(drawn, "<text "); texts == 0 || strings.Count(drawn, "textLength=") != texts ||
		strings.Count(drawn, "'Liberation Serif','Times New Roman',Times,serif;") != texts || !strings.Contains(drawn, html.EscapeString(c.Title)) {
		t.Errorf("of %d texts not all have a width and fonts:\n%s", texts, drawn)
	}
	if len(drawn) > 20_000 {
		t.Errorf("%d bytes", len(drawn))
	}
}

func TestWhatCannotBeDrawnIsRefused(t *testing.T) {
	negative := sweep()
	negative.Series[0].Points[0].X = 0
	nameless := bars()
	nameless.Categories = nil
	pie := sweep()
	pie.Kind = "pie"
	warped := sweep()
	warped.XScale = "sqrt"
	for _, c := range []Chart{negative, nameless, pie, warped} {
		if _, err := c.Draw(); err == nil {
			t.Errorf("%s: no error", c.Kind)
		}
	}
}
