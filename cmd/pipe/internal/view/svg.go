package view

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// Sizes of the drawing, in pixels. Text is not measured: its width is that of a common sans-serif, rounded up.
const (
	boxHeight  = 44
	boxGap     = 18
	columnGap  = 64
	textWidth  = 8.6 // of a character of the name
	countWidth = 7.2
	margin     = 24
)

// SVG draws columns of boxes from left to right: what is read stands to the left of its readers.
func SVG(w io.Writer, g *dag.Graph, byInstance bool) error {
	list := boxes(g, byInstance)
	var b strings.Builder
	if len(list) == 0 {
		_, err := io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"/>`+"\n")
		return err
	}
	l := lay(list, boxHeight, boxGap)
	top, bottom := math.Inf(1), math.Inf(-1)
	for _, c := range l.columns {
		for _, s := range c {
			top, bottom = min(top, s.y-s.height/2), max(bottom, s.y+s.height/2)
		}
	}
	lefts, widths := make([]float64, len(l.columns)), make([]float64, len(l.columns))
	x := float64(margin)
	column := map[*spot]int{}
	for i, c := range l.columns {
		for _, s := range c {
			column[s] = i
			s.y += margin - top
			if s.box >= 0 {
				widths[i] = max(widths[i], list[s.box].width())
			}
		}
		lefts[i] = x
		x += widths[i] + columnGap
	}
	width, height := x-columnGap+margin, bottom-top+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="Helvetica, Arial, sans-serif" font-size="13">`+"\n", width, height, width, height)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#8a94a6"/></marker></defs>` + "\n")
	b.WriteString(`<g fill="none" stroke="#8a94a6" stroke-width="1.3">` + "\n")
	for _, edge := range l.edges {
		b.WriteString(`<path marker-end="url(#tip)" d="`)
		for i, s := range edge {
			left, right := lefts[column[s]], lefts[column[s]]+widths[column[s]]
			if s.box >= 0 {
				right = left + list[s.box].width()
			}
			if i > 0 {
				fmt.Fprintf(&b, " %.1f %.1f", left, s.y)
			}
			if i == len(edge)-1 {
				break
			}
			if i == 0 {
				fmt.Fprintf(&b, "M%.1f %.1f", right, s.y)
			} else {
				fmt.Fprintf(&b, "L%.1f %.1f", right, s.y)
			}
			next := edge[i+1]
			middle := (right + lefts[column[next]]) / 2
			fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f", middle, s.y, middle, next.y)
		}
		b.WriteString("\"/>\n")
	}
	b.WriteString("</g>\n")
	for _, c := range l.columns {
		for _, s := range c {
			if s.box >= 0 {
				list[s.box].svg(&b, lefts[column[s]], s.y-boxHeight/2)
			}
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// parts are the two lines of a box: the module and the type of the stage, and the rest of its name.
func (x box) parts() (kind, name string) {
	kind, name, _ = strings.Cut(strings.TrimPrefix(x.name, x.module+"."), ".")
	if x.module != "" {
		kind = x.module + "." + kind
	}
	return kind, name
}

// times is the number of instances, where there are several.
func (x box) times() string {
	if x.count < 2 {
		return ""
	}
	return fmt.Sprintf("×%d", x.count)
}

func (x box) width() float64 {
	kind, name := x.parts()
	first := float64(countWidth * float64(len([]rune(kind))))
	if t := x.times(); t != "" {
		first += float64(countWidth*float64(len([]rune(t)))) + 16
	}
	return math.Ceil(max(first, textWidth*float64(len([]rune(name))), 48)) + 24
}

func (x box) svg(b *strings.Builder, left, top float64) {
	kind, name := x.parts()
	fmt.Fprintf(b, `<g transform="translate(%.1f %.1f)"><rect width="%.0f" height="%d" rx="7" fill="%s" stroke="#5b6b86"/>`,
		left, top, x.width(), boxHeight, map[bool]string{true: "#eef3fb", false: "#fff7e6"}[len(x.from) > 0])
	fmt.Fprintf(b, `<text x="12" y="17" font-size="11" fill="#5b6b86">%s</text><text x="12" y="34" font-weight="600" fill="#1c2433">%s</text>`, escaped(kind), escaped(name))
	if t := x.times(); t != "" {
		fmt.Fprintf(b, `<text x="%.0f" y="17" font-size="11" text-anchor="end" fill="#5b6b86">%s</text>`, x.width()-12, t)
	}
	b.WriteString("</g>\n")
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes all
	return b.String()
}
