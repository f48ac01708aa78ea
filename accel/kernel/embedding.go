package kernel

// Embedding is (ids int32 [...], w [V, D]) -> y [..., D]: the rows of w at ids. An id outside [0, V) is an error.
// "embedding.dw": (ids, dy) -> dw [V, D], rows of dy added in order of index.
type Embedding struct{}

// Dropout is the kernel "dropout.train", (x, step int32 [1]) -> y: each element is 0 with probability P, else x / (1 - P).
// Element i is dropped if word i%4 of rng.Philox({i/4 low, i/4 high, step, 0}, Key) is below P * 2^32. The same launch on
// dy is the backward.
type Dropout struct {
	P   float32
	Key uint64
}
