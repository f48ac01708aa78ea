package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestPeerHasEveryCase(t *testing.T) {
	for _, c := range cases {
		if !strings.Contains(peer, `"`+c.name+`": `) {
			t.Errorf("peer.py lacks %s", c.name)
		}
	}
}

func TestRowShowsMediansOfStepsAndOfRatiosAndMemoryBeyondTheLibraries(t *testing.T) {
	r := result{
		wall: [2][]float64{{1, 9, 2, 3}, {2, 3, 2, 3}}, // ratios 0.5, 3, 1, 1
		cpu:  [2][]float64{{1, 1, 1, 1}, {4, 4, 4, 4}},
		peak: [2]float64{110, 500}, start: [2]float64{10, 300},
	}
	const want = "| x | 2.500 | 2.500 | **1.00** | 0.25 | 110 (100) | 500 (200) | **0.50** |"
	if got := r.row("x"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestLibrariesChooseTheirCodeByThemselves(t *testing.T) {
	got := plain([]string{"A=1", "OPENBLAS_CORETYPE=Haswell", "MKL_NUM_THREADS=1", "OMP_NUM_THREADS=1"})
	if len(got) != 1 || got[0] != "A=1" {
		t.Errorf("%v", got)
	}
}

func TestServeRefusesAnUnknownCase(t *testing.T) {
	err := serve(context.Background(), "vit", 1, strings.NewReader("step\n"), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "vit_lora") {
		t.Errorf("%v", err)
	}
}
