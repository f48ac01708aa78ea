package chart

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// svg is an SVG canvas whose file holds no font, which would be half a megabyte. It names the fonts with the metrics
// that the chart is laid out by and gives each text its width, so that any other font fits the layout too.
type svg struct {
	*vgsvg.Canvas
	widths []vg.Length // of the texts, in order
}

// FillString implements vg.Canvas.
func (s *svg) FillString(f font.Face, at vg.Point, text string) {
	s.widths = append(s.widths, f.Width(text))
	s.Canvas.FillString(f, at, text)
}

// WriteTo implements io.WriterTo.
func (s *svg) WriteTo(w io.Writer) (int64, error) {
	var file bytes.Buffer
	if _, err := s.Canvas.WriteTo(&file); err != nil {
		return 0, err
	}
	// The file's own text is escaped: neither marker can stand in a label.
	parts := strings.Split(strings.ReplaceAll(file.String(), `style="font-family:Liberation Serif;`,
		`style="font-family:'Liberation Serif','Times New Roman',Times,serif;`), "<text ")
	if len(parts)-1 != len(s.widths) {
		return 0, fmt.Errorf("svg: %d texts drawn, %d in the file", len(s.widths), len(parts)-1)
	}
	for i, width := range s.widths {
		parts[i+1] = fmt.Sprintf(`<text textLength="%.5g" lengthAdjust="spacingAndGlyphs" `, width.Points()) + parts[i+1]
	}
	n, err := io.WriteString(w, strings.Join(parts, ""))
	return int64(n), err
}
