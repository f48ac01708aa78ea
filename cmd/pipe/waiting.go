package main

import (
	"fmt"

	"github.com/pipe-ml/pipe/dag"
)

// waiting says why an instance has no result: its last attempt failed, or that of the nearest thing that it needs. It is "" where nothing failed.
func (p *project) waiting(store *dag.Store, address string) (string, error) {
	seen := map[string]bool{address: true}
	for queue := []string{address}; len(queue) > 0; queue = queue[1:] {
		message, err := store.Failure(queue[0])
		switch {
		case err != nil:
			return "", err
		case message != "" && queue[0] == address:
			return fmt.Sprintf("its last attempt failed: %s", dag.Headline(message)), nil
		case message != "":
			return fmt.Sprintf("%s, which it needs, failed: %s", queue[0], dag.Headline(message)), nil
		}
		for _, a := range p.graph.Predecessors(queue[0]) {
			if !seen[a] {
				seen[a] = true
				queue = append(queue, a)
			}
		}
	}
	return "", nil
}
