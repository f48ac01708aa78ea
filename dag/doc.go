// Package dag is the engine: it takes a graph of stage instances, runs what changed, and keeps every result
// in a content store. It knows nothing of HCL or of learning.
//
// # Vocabulary
//
//   - node: one vertex of the graph. A node with Group set is virtual: it gathers the outputs of many nodes
//     for their readers, and is never run or counted.
//   - action: a node with its inputs resolved to digests.
//   - manifest: the canonical JSON of all that an action reads. The worker's request is built from the
//     manifest, so that nothing a stage reads can be missing from it.
//   - key: the SHA-256 of the manifest. The manifest is a blob of the store, and the key is its address.
//   - digest: the content of a file ("sha256:…") or of a folder ("tree:…").
//   - artifact: a file or folder in the store, named by its digest. A folder is a sorted list of names and
//     digests (a tree), which is a blob itself.
//   - result: what running an action gave: its artifacts, metrics and timings, found by key.
//   - origin: where an input of a result came from: other results, or a path outside. Its provenance is all that it
//     goes back to. Origins are not in the key: equal bytes from elsewhere give the same result.
//   - claim: the note that one engine is running an action, so that another waits for its result.
//   - journal: the record of one run, a JSON object a line.
//   - set: what the plan of a run found in the store, in a file named by its hash, which journals name.
//   - root: what a GC may not remove: the results of the last whole run of each pipeline, pins, what is published.
//   - tombstone: the record of a result that a GC removed.
//   - remote cache: a server that keeps results for several machines. A result that was found there is a result of this
//     store like any other, but that what of its content is not here yet is there. Content is fetched when an action or a
//     publication needs it, and is lost if it cannot be had: then the action that made it runs here.
//   - publication: an artifact that is copied to a path of the user's once all has run.
//
// # How a run goes
//
// Nodes are resolved in topological order: the digests of a node's inputs give its manifest and its key; a
// key whose result is in the store is cached. All others run, and their readers' keys are made of the digests
// of what they really wrote: a node that reruns to the same bytes leaves its readers cached (early cutoff).
//
// Whether a result is there costs two stats: of its record, which is read from one file that holds all of them if it is
// as it was, and of each blob, whose size and time no write leaves as they were. All that grows with the number of
// nodes grows in proportion to it.
//
// # What the engine promises
//
// A blob is complete before a result names it, and a result is complete before it has its name, so that a
// kill at any instant loses the actions in flight and nothing else. Blobs are read-only and carry a fixed
// modification time: a write through a link shows in a plain stat. Claims save work; correctness never rests on
// them, since publishing is idempotent.
package dag
