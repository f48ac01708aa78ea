package main

import (
	"os"

	"github.com/pipe-ml/pipe/dag"
)

// whyUpstreamRows are the rows of changes in what producers make, in the store and in runs.
var whyUpstreamRows = []whyRow{
	{name: "upstream will run", edit: func(p *whyProject) { p.edit(`rank = 8`, `rank = 16`) }, address: scoreOne,
		want: []string{
			`command.score["lora",0] may run: skipped if command.train["lora",0] is unchanged`,
			`  ~ input model waits for command.train["lora",0], which has to run: params.rank: 8 -> 16 (study.hcl:19)`,
		},
		started: `input model changed: other bytes from command.train["lora",0].out (study.hcl:50), since params.rank: 8 -> 16 (study.hcl:19)`},
	{name: "upstream may run", edit: func(p *whyProject) { p.write("data/a.csv", "7\n") }, address: scoreOne,
		want: []string{
			`command.score["lora",0] may run: skipped if command.train["lora",0] is unchanged`,
			`  ~ input model waits for command.train["lora",0], which may have to run since command.prep: input raw changed: a.csv changed (study.hcl:27)`,
		},
		started: `input model changed: other bytes from command.train["lora",0].out (study.hcl:50), since command.prep: input raw changed: a.csv changed (study.hcl:27)`},
	{name: "upstream ran to other bytes", edit: func(p *whyProject) { p.edit(`rank = 8`, `rank = 16, more = 1`) }, apply: []string{"-target", "command.train"}, address: scoreOne,
		want: []string{
			`command.score["lora",0] will run`,
			`  ~ input model changed: other bytes from command.train["lora",0].out (study.hcl:50), since params.more: (none) -> 1 (study.hcl:19), params.rank: 8 -> 16 (study.hcl:19)`,
		}},
	{name: "upstream ran to the same bytes", edit: func(p *whyProject) { p.edit(`"fast"`, `"slow"`) }, apply: []string{"-target", "command.train"}, address: scoreOne, want: same(scoreOne)},
	{name: "two steps up ran to other bytes", edit: func(p *whyProject) { p.write("data/c.csv", "7\n8\n") }, apply: []string{"-target", "command.train"}, address: scoreOne,
		want: []string{
			`command.score["lora",0] will run`,
			`  ~ input model changed: other bytes from command.train["lora",0].out (study.hcl:50), since command.prep: input raw changed: c.csv added (study.hcl:27)`,
		}},
	{name: "two upstreams", edit: func(p *whyProject) {
		p.edit(`{ model = command.train.out }`, `{ model = command.train.out, data = command.prep.out }`)
		p.write("note.txt", "x")
	}, address: scoreOne,
		want: []string{
			`command.score["lora",0] will run`,
			`  ~ input data is new (study.hcl:50)`,
			`  ~ input data waits for command.prep, which has to run: input note changed: note.txt (study.hcl:28)`,
			`  ~ input model waits for command.train["lora",0], which may have to run since command.prep: input note changed: note.txt (study.hcl:28)`,
		}},
	{name: "member more", edit: func(*whyProject) {}, args: []string{"-var", "seeds=[0, 1, 2]"}, address: tableOne,
		want: []string{
			`command.table will run`,
			`  ~ input runs changed: method=lora,seed=2, method=full,seed=2 added (study.hcl:56)`,
			`      + method=lora,seed=2 (not made yet)`,
			`      + method=full,seed=2 (not made yet)`,
			`  ~ input runs (method=lora,seed=2) waits for command.score["lora",2], which has to run: never ran`,
			`  ~ input runs (method=full,seed=2) waits for command.score["full",2], which has to run: never ran`,
		}},
	{name: "member less", edit: func(*whyProject) {}, args: []string{"-var", "seeds=[0]"}, address: tableOne,
		want: []string{
			`command.table will run`,
			`  ~ input runs changed: method=lora,seed=1, method=full,seed=1 removed (study.hcl:56)`,
			`      - method=lora,seed=1`,
			`      - method=full,seed=1`,
		}},
	{name: "members in another order", edit: func(*whyProject) {}, args: []string{"-var", "seeds=[1, 0]"}, address: tableOne,
		want: []string{
			`command.table will run`,
			`  ~ input runs changed: method=lora,seed=1, method=lora,seed=0 and 2 more moved (study.hcl:56)`,
			`      ~ method=lora,seed=1 (moved)`,
			`      ~ method=lora,seed=0 (moved)`,
			`      ~ method=full,seed=1 (moved)`,
			`      ~ method=full,seed=0 (moved)`,
		}},
	{name: "members with an axis of another type", edit: func(p *whyProject) {
		p.edit(`seed = var.seeds }`, `seed = [for s in var.seeds : tostring(s)] }`)
	}, address: tableOne,
		want: []string{
			`command.table will run`,
			`  ~ input runs changed: method="lora",seed=0 -> method="lora",seed="0", method="lora",seed=1 -> method="lora",seed="1" and 2 more of another type (study.hcl:56)`,
			`      ~ method="lora",seed="0" (was method="lora",seed=0)`,
			`      ~ method="lora",seed="1" (was method="lora",seed=1)`,
			`      ~ method="full",seed="0" (was method="full",seed=0)`,
			`      ~ method="full",seed="1" (was method="full",seed=1)`,
		}},
	{name: "members with axes in another order", edit: func(p *whyProject) {
		p.edit(`{ method = ["lora", "full"], seed = var.seeds }`, `{ seed = var.seeds, method = ["lora", "full"] }`)
	}, address: tableOne,
		want: []string{
			`command.table will run`,
			`  ~ input runs changed: method=lora,seed=0 -> seed=0,method=lora, method=full,seed=0 -> seed=0,method=full and 2 more with axes in another order (study.hcl:56)`,
			`      ~ seed=0,method=lora (was method=lora,seed=0)`,
			`      ~ seed=0,method=full (was method=full,seed=0)`,
			`      ~ seed=1,method=lora (was method=lora,seed=1)`,
			`      ~ seed=1,method=full (was method=full,seed=1)`,
		}},
	{name: "member changed", edit: func(p *whyProject) { p.edit(`rank = 8`, `rank = 16, more = 1`) }, apply: []string{"-target", "command.score"}, address: tableOne,
		want: []string{
			`command.table will run`,
			`  ~ input runs changed: method=lora,seed=0, method=lora,seed=1 changed (study.hcl:56), since command.train["lora",0] and 1 more: params.more: (none) -> 1 (study.hcl:19), params.rank: 8 -> 16 (study.hcl:19)`,
			`      ~ method=lora,seed=0 (sha256:NAME -> sha256:NAME)`,
			`      ~ method=lora,seed=1 (sha256:NAME -> sha256:NAME)`,
		}},
	{name: "member may change", edit: func(p *whyProject) { p.edit(`rank = 8`, `rank = 16`) }, address: tableOne,
		want: []string{
			`command.table may run: skipped if command.score["lora",0], command.score["lora",1] are unchanged`,
			`  ~ input runs (method=lora,seed=0) waits for command.score["lora",0], which may have to run since command.train["lora",0]: params.rank: 8 -> 16 (study.hcl:19)`,
			`  ~ input runs (method=lora,seed=1) waits for command.score["lora",1], which may have to run since command.train["lora",1]: params.rank: 8 -> 16 (study.hcl:19)`,
		}},

	// The store.
	{name: "blob gone", edit: func(p *whyProject) { p.remove(p.blob(p.result(trainOne).Outputs[0].Digest)) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ its result was removed from the store: output out: sha256:NAME is missing from the store`,
		}},
	{name: "blob spoilt", edit: func(p *whyProject) { p.spoil(p.blob(p.result(trainOne).Outputs[0].Digest)) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ its result was damaged: output out: sha256:NAME was corrupt in the store`,
		}},
	{name: "file of an output folder gone", edit: func(p *whyProject) { p.remove(p.blob(dag.Digest("sha256:" + sum("prepared\n")))) }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ its result was removed from the store: output out: done.txt (sha256:NAME) is missing from the store`,
		}},
	{name: "record torn", edit: func(p *whyProject) {
		p.check(os.Chmod(p.path(p.record(trainOne)), 0o666))
		p.write(p.record(trainOne), `{"key":`)
	}, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ its result was damaged: its record is torn`,
		}},
	{name: "record gone", edit: func(p *whyProject) { p.remove(p.record(trainOne)) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ its result was removed from the store: its record is gone`,
		}},
	{name: "manifest gone", edit: func(p *whyProject) { p.remove(p.blob(dag.Digest("sha256:" + p.result(trainOne).Key))) }, address: trainOne, want: same(trainOne)},
	{name: "manifest gone, and something changed", edit: func(p *whyProject) {
		p.remove(p.blob(dag.Digest("sha256:" + p.result(trainOne).Key)))
		p.edit(`rank = 8`, `rank = 16`)
	}, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ what changed cannot be told: the manifest of its last result was removed from the store`,
		}},
	{name: "manifest spoilt, and something changed", edit: func(p *whyProject) {
		p.spoil(p.blob(dag.Digest("sha256:" + p.result(trainOne).Key)))
		p.edit(`rank = 8`, `rank = 16`)
	}, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ what changed cannot be told: the manifest of its last result was damaged, and is in quarantine`,
		}},
	{name: "journal gone", edit: func(p *whyProject) {
		p.check(os.RemoveAll(p.path(".pipe/runs")))
		p.check(os.MkdirAll(p.path(".pipe/runs"), 0o777))
	}, address: trainOne, want: same(trainOne)},

	// Runs.
	{name: "replace", edit: func(*whyProject) {}, args: []string{"-replace", trainOne}, address: trainOne, want: []string{"asked for by -replace"}},
	{name: "failed", edit: func(p *whyProject) {
		p.edit(`"wc -l < ${input.model}`, `"echo no luck; exit 3; wc -l < ${input.model}`)
	}, apply: []string{}, address: scoreOne,
		want: []string{
			`command.score["lora",0] will run`,
			`  ~ command[2]: "wc -l < @{input.model} > @{output.out}" -> "echo no luck; exit 3; wc -l < @{input.model} > @{output.out}" (study.hcl:52)`,
			`  ~ the last attempt failed: sh: exit status 3 (study.hcl:48)`,
			`      log: .pipe/logs/NAME.log`,
		}},
	{name: "failed at first", edit: func(p *whyProject) {
		p.edit(`stage "command" "table" {`, "stage \"command\" \"more\" {\n  outputs = { out = \"more\" }\n  command = [\"false\"]\n}\n\nstage \"command\" \"table\" {")
	}, apply: []string{}, address: "command.more",
		want: []string{
			`command.more will run`,
			`  ~ the last attempt failed: false: exit status 1 (study.hcl:55)`,
			`      log: .pipe/logs/NAME.log`,
		}},
	{name: "failed at first, then mended", edit: func(p *whyProject) {
		p.edit(`stage "command" "table" {`, "stage \"command\" \"more\" {\n  outputs = { out = \"more\" }\n  command = [\"false\"]\n}\n\nstage \"command\" \"table\" {")
		p.pipe("apply", "study.hcl")
		p.edit(`["false"]`, `["touch", output.out]`)
	}, address: "command.more",
		want: []string{
			`command.more will run`,
			`  ~ the last attempt failed: false: exit status 1 (study.hcl:55)`,
			`      log: .pipe/logs/NAME.log`,
			`  ~ command: ["false"] -> ["touch","@{output.out}"] (study.hcl:57)`,
		}},
	{name: "changed and changed back", edit: func(p *whyProject) {
		p.edit(`rank = 8`, `rank = 16`)
		p.pipe("apply", "study.hcl")
		p.edit(`rank = 16`, `rank = 8`)
	}, address: trainOne, want: same(trainOne)},
}
