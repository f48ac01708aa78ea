package view

import (
	"fmt"

	"github.com/pipe-ml/pipe/stages"
)

// Models writes a line a network.
func (h *Human) Models(list []stages.Model) {
	h.printf("%s\n", h.style.paint(bold, "Networks"))
	rows := []string{"  \tkind\tparameters\timages\tnames of\tweights\t"}
	for _, m := range list {
		parameters, images := "-", "-"
		if m.Parameters > 0 {
			parameters, images = digits(m.Parameters), fmt.Sprintf("%d x %d x %d", m.Channels, m.Size, m.Size)
		}
		rows = append(rows, "  "+m.Name+"\t"+m.Kind+"\t"+parameters+"\t"+images+"\t"+m.Library+"\t"+m.Weights+"\t"+m.Doc)
	}
	h.table(rows...)
	h.printf(`
parameters: of the body, without the head. images: what the network was trained on; a cnn takes any size, a transformer another one with
resize_positions = true. weights: an address is for model of finetune and merge (timm has other tags too). A file that does not tell what it is
wants architecture = NAME.
`)
}

// Models writes {"type":"model"}, a line a network.
func (j *JSON) Models(list []stages.Model) {
	for _, m := range list {
		j.write(struct {
			Type string `json:"type"`
			stages.Model
		}{"model", m})
	}
}
