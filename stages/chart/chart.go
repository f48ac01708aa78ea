package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"slices"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Point is the mean of the runs at X and the half width of their spread.
type Point struct {
	X, Y, Spread float64
}

// Series is one line, one set of bars or one cloud of points.
type Series struct {
	Name   string
	Points []Point
}

// Chart says what to draw.
type Chart struct {
	Kind          string // "line", "bar" or "scatter"
	Title         string
	XLabel        string
	YLabel        string
	XScale        string   // "linear" (also ""), "log" or "symlog", of lines and points
	Categories    []string // names of x = 0, 1, …; required for bars
	Series        []Series
	Width, Height float64 // centimetres
}

// The colours of Okabe and Ito (2008), told apart by colour-blind readers; dashes tell repeats apart.
var palette = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255}, {148, 148, 0, 255},
}

var dashes = [][]vg.Length{nil, {vg.Points(5), vg.Points(3)}, {vg.Points(1.5), vg.Points(2)}}

func init() {
	// fpdf has no other door than its globals through vgpdf: without them a PDF holds the time of its making
	// and its objects come in map order.
	fpdf.SetDefaultCreationDate(time.Unix(0, 0).UTC())
	fpdf.SetDefaultModificationDate(time.Unix(0, 0).UTC())
	fpdf.SetDefaultCatalogSort(true)
}

// Images are a chart in its three formats.
type Images struct {
	SVG, PDF, PNG []byte
}

// Draw renders c.
func (c Chart) Draw() (Images, error) {
	var out Images
	w, h := vg.Length(c.Width)*vg.Centimeter, vg.Length(c.Height)*vg.Centimeter
	canvases := []struct {
		canvas interface {
			vg.CanvasSizer
			io.WriterTo
		}
		to *[]byte
	}{
		{&svg{Canvas: vgsvg.New(w, h)}, &out.SVG},
		{vgpdf.New(w, h), &out.PDF},
		{vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(160))}, &out.PNG},
	}
	for _, t := range canvases {
		if err := c.drawTo(draw.New(t.canvas)); err != nil {
			return Images{}, err
		}
		var buf bytes.Buffer
		if _, err := t.canvas.WriteTo(&buf); err != nil {
			return Images{}, err
		}
		*t.to = buf.Bytes()
	}
	return out, nil
}

func (c Chart) drawTo(canvas draw.Canvas) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.XLabel, c.YLabel
	p.Title.TextStyle.Font.Size = vg.Points(12)
	p.Title.Padding = vg.Points(6)
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = color.Gray{225}
	p.Add(grid)

	legend := plot.NewLegend()
	legend.Top, legend.Left = true, true
	legend.Padding = vg.Points(3)
	legend.ThumbnailWidth = vg.Points(18)

	c, ticks, err := c.onScale()
	if err != nil {
		return err
	}
	switch c.Kind {
	case "line", "scatter":
		err = c.addLines(p, &legend)
	case "bar":
		err = c.addBars(p, &legend)
	default:
		err = fmt.Errorf("unknown chart kind %q", c.Kind)
	}
	if err != nil {
		return err
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks, roundTicks{}
	if c.XScale == "log" || c.XScale == "symlog" {
		p.X.Min, p.X.Max = p.X.Min-0.06, p.X.Max+0.06 // decades
	}
	if len(c.Categories) > 0 {
		p.NominalX(c.Categories...)
		p.X.Min, p.X.Max = -0.6, float64(len(c.Categories))-0.4
	}

	// The legend stands beside the plot, so that it never hides a point.
	plotArea := canvas
	if len(c.Series) > 1 {
		side := legend.Rectangle(canvas).Size().X + vg.Points(14)
		plotArea = draw.Crop(canvas, 0, -side, 0, 0)
		legend.Draw(draw.Crop(canvas, canvas.Max.X-canvas.Min.X-side+vg.Points(8), 0, 0, -vg.Points(26)))
	}
	p.Draw(draw.Crop(plotArea, vg.Points(4), -vg.Points(6), vg.Points(4), -vg.Points(4)))
	return nil
}

func (c Chart) addLines(p *plot.Plot, legend *plot.Legend) error {
	for i, s := range c.Series {
		col := palette[i%len(palette)]
		xys := make(plotter.XYs, len(s.Points))
		for j, pt := range s.Points {
			xys[j] = plotter.XY{X: pt.X, Y: pt.Y}
		}
		line, points, err := plotter.NewLinePoints(xys)
		if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
		line.Color, points.Color = col, col
		line.Width = vg.Points(1.4)
		line.Dashes = dashes[i/len(palette)%len(dashes)]
		points.Shape, points.Radius = draw.CircleGlyph{}, vg.Points(2.2)
		if c.Kind == "scatter" {
			bars, err := plotter.NewYErrorBars(withErrors(s.Points))
			if err != nil {
				return fmt.Errorf("series %q: %w", s.Name, err)
			}
			bars.Color = col
			points.Radius = vg.Points(3)
			p.Add(bars, points)
			legend.Add(s.Name, points)
			continue
		}
		band, err := plotter.NewPolygon(outline(s.Points))
		if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
		shade := col
		shade.A = 36
		band.Color, band.LineStyle.Width = shade, 0
		p.Add(band, line, points)
		legend.Add(s.Name, line, points)
	}
	return nil
}

func (c Chart) addBars(p *plot.Plot, legend *plot.Legend) error {
	if len(c.Categories) == 0 {
		return fmt.Errorf("a bar chart needs named categories")
	}
	group := vg.Length(c.Width) * vg.Centimeter * 0.6 / vg.Length(len(c.Categories))
	width := group / vg.Length(len(c.Series))
	for i, s := range c.Series {
		values := make(plotter.Values, len(c.Categories))
		for _, pt := range s.Points {
			values[int(pt.X)] = pt.Y
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
		bars.Color, bars.LineStyle.Width = palette[i%len(palette)], 0
		bars.Offset = width * (vg.Length(i) - vg.Length(len(c.Series)-1)/2)
		errs, err := plotter.NewYErrorBars(withErrors(s.Points))
		if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
		p.Add(bars, shifted{errs, bars.Offset})
		legend.Add(s.Name, bars)
	}
	p.Y.Min = min(p.Y.Min, 0)
	return nil
}

// shifted draws error bars over their bar, which BarChart moves by a length, not by a coordinate.
type shifted struct {
	*plotter.YErrorBars
	offset vg.Length
}

func (s shifted) Plot(c draw.Canvas, p *plot.Plot) {
	c.Min.X += s.offset
	c.Max.X += s.offset
	s.YErrorBars.Plot(c, p)
}

type pointErrors struct {
	plotter.XYs
	plotter.YErrors
}

func withErrors(points []Point) pointErrors {
	var e pointErrors
	for _, pt := range points {
		e.XYs = append(e.XYs, plotter.XY{X: pt.X, Y: pt.Y})
		e.YErrors = append(e.YErrors, struct{ Low, High float64 }{pt.Spread, pt.Spread})
	}
	return e
}

// outline walks along the upper edge of a band and back along the lower.
func outline(points []Point) plotter.XYs {
	var edge plotter.XYs
	for _, pt := range points {
		edge = append(edge, plotter.XY{X: pt.X, Y: pt.Y + pt.Spread})
	}
	for _, pt := range slices.Backward(points) {
		edge = append(edge, plotter.XY{X: pt.X, Y: pt.Y - pt.Spread})
	}
	return edge
}
