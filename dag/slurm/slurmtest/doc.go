// Package slurmtest is a Slurm that is none, for tests on machines without one: sbatch, squeue, scancel and
// scontrol over a folder. Jobs are processes of this machine, of which few run at a time.
//
// The folder, which FAKE_SLURM names, holds calls (a line for every command), a folder for every job, and what a
// test puts there: the file down makes every command fail as without a controller, and hold keeps jobs pending.
package slurmtest
