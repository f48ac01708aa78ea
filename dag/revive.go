package dag

import "context"

// revive runs the producers again whose blobs turned out to be gone when address was about to read them, and
// lets address and the others with its key wait for them. It says false if there is nothing to be done.
func (r *run) revive(ctx context.Context, address string, others []string) bool {
	if r.stopped != "" {
		return false
	}
	r.audit = &audit{store: r.store, shared: r.shared} // what it remembers is out of date
	gone := r.goneProducers(r.states[address].node)
	for _, p := range gone {
		if r.revived[p] >= maxRevivals {
			return false
		}
	}
	if len(gone) == 0 {
		return false
	}
	for _, reader := range append([]string{address}, others...) {
		r.forget(reader)
		for _, a := range r.g.Predecessors(reader) {
			if r.states[a].node.Virtual() {
				r.forget(a)
				r.ended[a] = ""
			}
		}
		r.await(reader, r.goneProducers(r.states[reader].node))
	}
	for _, p := range gone {
		if r.ended[p] != "" { // else another reader has revived it already
			r.ended[p] = ""
			r.revived[p]++
			r.forget(p)
			r.arrive(ctx, p)
		}
	}
	return true
}

// await makes reader wait for producers that run again. What it gathers through a group it waits for itself: the
// group is settled anew when it arrives.
func (r *run) await(reader string, producers []string) {
	for _, p := range producers {
		r.left[reader]++
		r.waiters[p] = append(r.waiters[p], reader)
	}
}

// resettle settles n after the groups that were forgotten for its sake.
func (r *run) resettle(ctx context.Context, n *Node) error {
	for _, a := range r.g.Predecessors(n.Address) {
		if g := r.states[a]; g.node.Virtual() && g.listDigest == "" {
			if err := r.settle(ctx, g.node); err != nil {
				return err
			}
			r.ended[a] = endVirtual
		}
	}
	return r.settle(ctx, n)
}

// goneProducers are the instances whose results are not whole, among those that n reads.
func (r *run) goneProducers(n *Node) []string {
	var out []string
	for _, a := range r.g.Predecessors(n.Address) {
		st := r.states[a]
		if st.node.Virtual() {
			out = append(out, r.goneProducers(st.node)...)
			continue
		}
		if st.result == nil { // it is running again
			out = append(out, a)
			continue
		}
		if damage, _ := r.audit.outputs(st.result); damage != nil {
			out = append(out, a)
		}
	}
	return out
}
