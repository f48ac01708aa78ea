package peft_test

import (
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/peft"
)

func TestEveryMethodHasACard(t *testing.T) {
	for _, name := range peft.Names() {
		card, err := peft.Card(name)
		check(t, err)
		m, err := peft.Lookup(name)
		check(t, err)
		text := strings.Join(card, "\n")
		sourced := m.Paper == "" || strings.Contains(text, m.Paper) || strings.Contains(text, "code")
		if len(card) < 2 || !sourced || strings.Contains(card[0], "Paper:") {
			t.Errorf("%s: a card says what the method computes, and by which paper or code:\n%s", name, text)
		}
	}
	if _, err := peft.Card("lorra"); err == nil || !strings.Contains(err.Error(), "lora") {
		t.Errorf("an unknown method gives %v", err)
	}
}
