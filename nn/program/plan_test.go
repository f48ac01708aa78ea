package program

import (
	"math/rand/v2"
	"testing"
)

func TestPlanKeepsMeetingLivesApart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var lives []life
		for range 1 + r.IntN(120) {
			first := r.IntN(100)
			lives = append(lives, life{first: first, last: first + r.IntN(20), size: 1 + r.IntN(1000)})
		}
		at, size := plan(lives)
		for i, a := range lives {
			if at[i]%granule != 0 || at[i]+a.size > size {
				t.Fatalf("life %d of %d elements lies at %d of %d", i, a.size, at[i], size)
			}
			for j, b := range lives[:i] {
				meet := a.first <= b.last && b.first <= a.last
				if meet && at[i] < at[j]+b.size && at[j] < at[i]+a.size {
					t.Fatalf("lives %d %+v and %d %+v share memory: %d and %d", i, a, j, b, at[i], at[j])
				}
			}
		}
	}
}

func TestPlanReusesMemoryOfAChain(t *testing.T) {
	var lives []life
	for i := range 1000 {
		lives = append(lives, life{first: i, last: i + 1, size: 64})
	}
	if _, size := plan(lives); size != 128 {
		t.Errorf("a chain of 1000 values of 64 elements needs %d, want 128", size)
	}
}

func TestPlanOfABackwardPassIsTight(t *testing.T) {
	// Activations of sizes as in a network with stages, each held until its gradient kernel; gradients in between.
	var lives []life
	sizes := []int{4096, 4096, 16384, 2048, 8192, 1024, 512}
	const n = 210
	for i := range n {
		size := sizes[i/30]
		lives = append(lives, life{first: i, last: 2*n - i, size: size}, life{first: 2*n - i, last: 2*n - i + 2, size: size})
	}
	least := 0
	for step := range 2*n + 3 {
		live := 0
		for _, l := range lives {
			if l.first <= step && step <= l.last {
				live += l.size
			}
		}
		least = max(least, live)
	}
	if _, size := plan(lives); size > least+least/10 {
		t.Errorf("the plan needs %d elements, %d are live at once", size, least)
	}
}
