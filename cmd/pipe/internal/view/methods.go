package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/stages"
)

// networksAcross is how many networks of the support matrix stand beside each other.
const networksAcross = 3

// Methods writes a line a method: what it trains of each network; then which blocks the networks have.
func (h *Human) Methods(list []stages.Method, blocks []stages.NetworkBlocks) {
	h.printf("%s\n", h.style.paint(bold, "Fine-tuning methods"))
	h.printf(`Trained numbers beside the head with the defaults; their share of the body; the share of all that trains, a head for 1,000 classes with it.

`)
	for first := 0; first < len(blocks); first += networksAcross {
		h.table(acrossNetworks(list, blocks, first)...)
		h.printf("\n")
	}
	h.printf(`merges: the result can be worked into the weights. step 0: how the output before the first step relates to the frozen model's (close: equal
but for the noise of the new parameters). -: refused with the defaults there, as the method's card says.
pipe docs peft METHOD shows its card.
`)
	var rows []string
	for _, n := range blocks {
		row := "  " + n.Network + "\t" + strconv.Itoa(n.Count) + "\t"
		if n.Count == 0 {
			row += "none: name its layers instead"
		}
		rows = append(rows, row+strings.Join(n.Blocks, ", "))
	}
	h.section("Blocks, which finetune's blocks numbers from 0 (its layers names segments of such paths)", rows)
}

// acrossNetworks are the rows of the support matrix for networksAcross networks from the first on.
func acrossNetworks(list []stages.Method, blocks []stages.NetworkBlocks, first int) []string {
	last := min(first+networksAcross, len(blocks))
	head := "  \tmerges\tstep 0"
	for _, n := range blocks[first:last] {
		head += "\t" + n.Network
	}
	rows := []string{head}
	for _, m := range list {
		row := "  " + m.Name + "\t" + yes(m.Merges) + "\t" + m.Step0
		for _, n := range m.Networks[first:last] {
			if n.Refused != "" {
				row += "\t-"
			} else {
				row += "\t" + trained(n)
			}
		}
		rows = append(rows, row)
	}
	return rows
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
		if o.Max != nil {
			kind += fmt.Sprintf(", at most %v", *o.Max)
		}
		if len(o.OneOf) > 0 {
			kind += ", one of " + strings.Join(o.OneOf, ", ")
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
			rows = append(rows, "  "+n.Network+"\trefused: "+n.Refused)
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

// Methods writes a line a method, and {"type":"blocks"} a network.
func (j *JSON) Methods(list []stages.Method, blocks []stages.NetworkBlocks) {
	for _, m := range list {
		j.Method(m)
	}
	for _, n := range blocks {
		j.write(struct {
			Type string `json:"type"`
			stages.NetworkBlocks
		}{"blocks", n})
	}
}

// Method writes {"type":"method"}.
func (j *JSON) Method(m stages.Method) {
	j.write(struct {
		Type string `json:"type"`
		stages.Method
	}{"method", m})
}
