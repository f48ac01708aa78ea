package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/stages"
)

// countedNetworks is how many networks of the support matrix show counts; the others show whether the method fits.
const countedNetworks = 3

// Methods writes a line a method: what it trains of each network.
func (h *Human) Methods(list []stages.Method) {
	h.printf("%s\n", h.style.paint(bold, "Fine-tuning methods"))
	h.printf(`Trained numbers beside the head with the defaults; their share of the body; the share of all that trains, a head for 1,000 classes with it.

`)
	head := "  \tmerges\tstep 0"
	if len(list) > 0 {
		for _, n := range list[0].Networks {
			head += "\t" + n.Network
		}
	}
	rows := []string{head}
	for _, m := range list {
		row := "  " + m.Name + "\t" + yes(m.Merges) + "\t" + m.Step0
		for i, n := range m.Networks {
			switch {
			case n.Refused != "":
				row += "\t-"
			case i < countedNetworks:
				row += "\t" + trained(n)
			default:
				row += "\tyes"
			}
		}
		rows = append(rows, row)
	}
	h.table(rows...)
	h.printf(`
merges: the result can be worked into the weights. step 0: how the output before the first step relates to the frozen model's (close: equal
but for the noise of the new parameters). -: refused, since the method would train nothing there.
pipe docs peft METHOD shows its card.
`)
}

// cardWidth is the width of a card's text.
const cardWidth = 110

// Method writes a method's card.
func (h *Human) Method(m stages.Method) {
	h.printf("%s: %s\n", h.style.paint(bold, m.Name), m.Title)
	h.printf("\n  %s\n", m.Formula)
	if m.Paper != "" {
		h.printf("  %s\n", m.Paper)
	}
	for _, p := range m.Card {
		h.printf("\n%s\n", wrapped(p, cardWidth))
	}
	var rows []string
	for _, o := range m.Options {
		kind := o.Kind
		if o.Default != nil {
			kind += ", default " + jsonText(o.Default)
		}
		if o.Min != nil {
			kind += fmt.Sprintf(", at least %v", *o.Min)
		}
		rows = append(rows, "  "+o.Name+"\t"+kind+"\t"+o.Doc)
	}
	h.section("Options", rows)
	rows = nil
	for _, kind := range sortedNames(m.Rates) {
		rows = append(rows, "  "+kind+"\t"+strconv.FormatFloat(m.Rates[kind], 'g', -1, 64))
	}
	h.section("Default learning rates", rows)
	rows = nil
	for _, n := range m.Networks {
		if n.Refused != "" {
			rows = append(rows, "  "+n.Network+"\trefused")
		} else {
			rows = append(rows, "  "+n.Network+"\t"+trained(n))
		}
	}
	h.section("Trains", rows)
	h.printf("\nMerges into the weights: %s. Output before the first step: %s. Statistics of batch norms: %s.\n", yes(m.Merges), m.Step0, m.Statistics)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// trained is a count with its two percentages.
func trained(n stages.Trained) string {
	return fmt.Sprintf("%s %.3g%% (%.3g%%)", digits(n.Count), n.Percent, n.PercentWithHead)
}

// digits writes n with commas.
func digits(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// wrapped breaks text into lines of at most width, between words.
func wrapped(text string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// Methods writes a line a method.
func (j *JSON) Methods(list []stages.Method) {
	for _, m := range list {
		j.Method(m)
	}
}

// Method writes {"type":"method"}.
func (j *JSON) Method(m stages.Method) {
	j.write(struct {
		Type string `json:"type"`
		stages.Method
	}{"method", m})
}
