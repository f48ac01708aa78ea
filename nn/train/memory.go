package train

import "github.com/pipe-ml/pipe/accel"

// Memory is what a training step holds on the device, in bytes.
type Memory struct {
	Weights     int64 // trained and frozen, with running statistics
	Activations int64 // and what the backward makes of them, inputs included: the arena without the gradients
	Gradients   int64 // of the trained weights, and their sums over batches
	Optimiser   int64 // moments, and the averages of the weights
}

// Total is all of it.
func (m Memory) Total() int64 { return m.Weights + m.Activations + m.Gradients + m.Optimiser }

// Memory tells what a step of the network holds.
func (n *Network) Memory() Memory {
	m := Memory{Weights: n.mem.Bytes(), Gradients: bytesOf(n.trained())}
	m.Activations = n.prog.Bytes() - m.Gradients
	if n.means != nil {
		m.Gradients *= 2
	}
	for _, t := range n.opt.State() {
		m.Optimiser += bytesOf(t.Len())
	}
	if n.average != nil {
		for _, t := range n.average.values {
			m.Optimiser += bytesOf(t.Len())
		}
	}
	return m
}

func bytesOf(elements int) int64 { return int64(elements * accel.Float32.Size()) }
