package view

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The colours used, as terminal codes.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "36"
)

// paint colours text where the style allows it.
func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// seconds writes a duration for people: 0.4s, 12s, 3m20s, 2h05m.
func seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.1fs", s)
	case s < 60:
		return fmt.Sprintf("%.0fs", s)
	case s < 3600:
		t := int(math.Round(s))
		return fmt.Sprintf("%dm%02ds", t/60, t%60)
	}
	t := int(math.Round(s / 60))
	return fmt.Sprintf("%dh%02dm", t/60, t%60)
}

// size writes a number of bytes for people.
func size(n int64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= step && i < len(units)-1 {
		f, i = f/step, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// count writes "1 file", "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// number writes a metric in a few digits.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprintf("%.4g", v)
}

// painting is a code of paint.
var painting = regexp.MustCompile("\x1b\\[[0-9;]*m")

// clipPainted cuts a text that is too long for a line. Colours take no room, and those of what is cut stay.
func clipPainted(s string, width int) string {
	if length(painting.ReplaceAllString(s, "")) <= width {
		return s
	}
	codes := painting.FindAllString(s, -1)
	room, cut := width-1, false
	var out strings.Builder
	for i, text := range painting.Split(s, -1) {
		switch {
		case cut:
			text = ""
		case length(text) > room:
			text, cut = string([]rune(text)[:room])+"…", true
		}
		room -= length(text)
		out.WriteString(text)
		if i < len(codes) {
			out.WriteString(codes[i])
		}
	}
	return out.String()
}
