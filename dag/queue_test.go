package dag

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestQueueGivesTheFirstTaskThatFits compares the queue with a sorted list, step by step.
func TestQueueGivesTheFirstTaskThatFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q queue
	var list []*task
	for step := range 5000 {
		if random.IntN(2) == 0 {
			x := &task{
				node: &Node{Address: fmt.Sprintf("a.b[%d]", step)}, rank: float64(random.IntN(5)),
				want: demand{cpus: 1 + random.IntN(3), memory: int64(random.IntN(3))},
			}
			q.push(x)
			list = append(list, x)
			slices.SortFunc(list, func(a, b *task) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			continue
		}
		free := demand{cpus: random.IntN(4), memory: int64(random.IntN(3))}
		fits := func(x *task) bool { return x.want.cpus <= free.cpus && x.want.memory <= free.memory }
		var want *task
		if i := slices.IndexFunc(list, fits); i >= 0 {
			want = list[i]
			list = slices.Delete(list, i, i+1)
		}
		if got := q.next(fits); got != want {
			t.Fatalf("step %d: %v, want %v", step, got, want)
		}
	}
}
