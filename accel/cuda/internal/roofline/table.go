package roofline

import (
	"fmt"
	"io"
	"strings"
)

// Shapes is a case's operands, results before the arrow.
func (c Case) Shapes() string {
	return strings.ReplaceAll(fmt.Sprint(c.Out[0], " <- ", c.In), "] [", "], [")
}

// Precision is what a case's products are computed in.
func (c Case) Precision() string {
	if c.BF16 {
		return "bf16"
	}
	return "f32"
}

// Rate is what a kernel achieves in a time: TFLOP/s, or GB/s where it moves data.
func (c Case) Rate(seconds float64) string {
	if c.FLOP > 0 {
		return fmt.Sprintf("%.1f TFLOP/s", c.FLOP/seconds/1e12)
	}
	return fmt.Sprintf("%.0f GB/s", c.Bytes/seconds/1e9)
}

// Markdown writes the table of cases on a card.
func Markdown(w io.Writer, card Card, cases []Case) error {
	fmt.Fprintf(w, "| network | kernel | | shapes | FLOP a byte | roof | | as written, at most | | of the roof | bound by | warps |\n|---|---|---|---|--:|--:|--:|--:|--:|--:|---|--:|\n")
	for _, c := range cases {
		roof := c.Roof(card)
		seconds, by := c.Bound(card)
		intensity := "0"
		if c.FLOP > 0 {
			intensity = fmt.Sprintf("%.0f", c.FLOP/c.Bytes)
		}
		_, err := fmt.Fprintf(w, "| %s | `%s` | %s | %s | %s | %s | %s | %s | %s | %.0f %% | %s | %d |\n", c.Network, c.Kernel, c.Precision(), c.Shapes(), intensity,
			micro(roof), c.Rate(roof), micro(seconds), c.Rate(seconds), 100*roof/seconds, by, c.Warps(card))
		if err != nil {
			return err
		}
	}
	return nil
}

func micro(seconds float64) string { return fmt.Sprintf("%.0f us", seconds*1e6) }
