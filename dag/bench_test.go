package dag

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// benchEngine is an engine on a fresh store, whose workers are this binary.
func benchEngine(b *testing.B) *Engine {
	b.Helper()
	b.Setenv(roleEnv, "worker")
	s, err := Open(filepath.Join(b.TempDir(), "store"))
	if err != nil {
		b.Fatal(err)
	}
	return &Engine{Store: s, Executor: &Local{Argv: []string{os.Args[0]}}}
}

func benchApply(b *testing.B, e *Engine, nodes []*Node) *Summary {
	b.Helper()
	g, err := New(nodes)
	if err != nil {
		b.Fatal(err)
	}
	sum, err := e.Apply(context.Background(), g, nil, ApplyOptions{}, func(Event) {})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// BenchmarkNoOp is the second apply of a fresh process: open the store, build the graph, find all cached.
// To beat: 0.10 s for 2,041 instances, 0.30 s for 6,121.
func BenchmarkNoOp(b *testing.B) {
	for _, n := range []int{680, 2040} {
		b.Run(fmt.Sprint(3*n+1), func(b *testing.B) {
			first := benchEngine(b)
			benchApply(b, first, large(n))
			for b.Loop() {
				s, err := Open(first.Store.Dir())
				if err != nil {
					b.Fatal(err)
				}
				e := &Engine{Store: s, Executor: first.Executor}
				if sum := benchApply(b, e, large(n)); sum.Cached != 3*n+1 {
					b.Fatalf("%+v", sum)
				}
			}
		})
	}
}

// BenchmarkAction is what the engine adds to an action. To beat: 8 ms.
func BenchmarkAction(b *testing.B) {
	const n = 200
	i := 0
	for b.Loop() {
		e := benchEngine(b)
		nodes := large(n)
		for _, node := range nodes {
			node.Salt = fmt.Sprint(i)
		}
		i++
		benchApply(b, e, nodes)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/(3*n+1), "ms/action")
}
