package dag

import (
	"cmp"
	"container/heap"
	"strings"
)

// queue holds the tasks that are ready, the longest path first. Tasks that want the same resources share a lane,
// so that passing over those that do not fit costs one look a lane and not one a task.
type queue struct {
	lanes []*lane
}

// lane is a heap of tasks with equal wants.
type lane []*task

func (l lane) Len() int           { return len(l) }
func (l lane) Less(i, j int) bool { return l[i].before(l[j]) }
func (l lane) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lane) Push(t any)        { *l = append(*l, t.(*task)) }
func (l *lane) Pop() any {
	old := *l
	t := old[len(old)-1]
	old[len(old)-1] = nil // the queue must not keep it
	*l = old[:len(old)-1]
	return t
}

// before is the order in which tasks start. It is total, since addresses are unique.
func (t *task) before(other *task) bool {
	return cmp.Or(cmp.Compare(other.rank, t.rank), strings.Compare(t.node.Address, other.node.Address)) < 0
}

func (q *queue) push(t *task) {
	for _, l := range q.lanes {
		if (*l)[0].want == t.want {
			heap.Push(l, t)
			return
		}
	}
	q.lanes = append(q.lanes, &lane{t})
}

// next takes out the first task that fits, or gives nil.
func (q *queue) next(fits func(*task) bool) *task {
	best := -1
	for i, l := range q.lanes {
		if t := (*l)[0]; fits(t) && (best < 0 || t.before((*q.lanes[best])[0])) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	t := heap.Pop(q.lanes[best]).(*task)
	if q.lanes[best].Len() == 0 {
		q.lanes = append(q.lanes[:best], q.lanes[best+1:]...)
	}
	return t
}
