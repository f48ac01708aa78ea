// Package slurm runs actions as jobs of a Slurm cluster whose machines see the store under the same path.
//
// # Vocabulary
//
//   - element: one action on the cluster. It is one element of a job array, or a job of its own.
//   - batch: the elements that one sbatch submits: actions of one stage with the same resources that became ready
//     at about the same time. Its name is unique, and is the name of the Slurm job.
//   - supervisor: what an element runs: the same program as here, which starts a worker, writes what the worker
//     says into the element's work folder, and shows by a heartbeat that it lives.
//   - silent: an element that has not begun, or whose supervisor has shown no life for long.
//
// # Who says what
//
// Results come from files: the work folder of an element (jobs/KEY/X in the store) holds
//
//	job.json       what to do
//	slurm.json     batch and index, written before sbatch is called
//	events.jsonl   what the supervisor and its worker say, a line each; the last one ends the element
//	beat           changes while the supervisor lives
//
// and slurm/BATCH beside it holds the script, the list of work folders by index, and what the jobs print. Slurm is
// asked by one squeue now and then, and only about silent elements. A state that it does not know, no answer and
// a wrong answer say nothing; no state says success. An element is lost if Slurm said so, or twice did not list
// it, or calls it running long after its last heartbeat.
//
// A process that dies leaves its jobs to the next one, which finds their folders in the store and listens on.
package slurm
