package main

import (
	"os"

	"github.com/pipe-ml/pipe/dag"
)

// whyRow is one kind of change: what is done to the applied study, and what plan, why and apply must then say.
type whyRow struct {
	name    string
	edit    func(p *whyProject)
	args    []string // of plan, why and apply
	apply   []string // what is applied before asking; nil: nothing
	address string
	want    []string // what why says of the address, without the last result
	started string   // the reason that apply gives when it starts it; "": the one of the plan, or nothing if it is not "run"
}

const (
	prepOne  = `command.prep`
	trainOne = `command.train["lora",0]`
	scoreOne = `command.score["lora",0]`
	tableOne = `command.table`
)

// same is no change at all: nothing may run.
func same(address string) []string { return []string{address + " is cached"} }

var whyRows = []whyRow{
	{name: "nothing, in a folder of another name", edit: func(*whyProject) {}, address: tableOne, want: same(tableOne)},

	// Attributes.
	{name: "attribute changed", edit: func(p *whyProject) { p.edit(`MODE = "fast"`, `MODE = "slow"`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ env.MODE: "fast" -> "slow" (study.hcl:42)`,
		}},
	{name: "attribute added", edit: func(p *whyProject) { p.edit(`    raw  =`, `    more = "note.txt"`+"\n    raw  =") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ input more is new (study.hcl:27)`,
		}},
	{name: "attribute removed", edit: func(p *whyProject) { p.edit(`  env     = { MODE = "fast", TOKEN = var.token }`, ``) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ env: {"MODE":"fast","TOKEN":"(sensitive)"} -> (none)`,
		}},
	{name: "nested value changed, in a local", edit: func(p *whyProject) { p.edit(`rank = 8`, `rank = 16`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.rank: 8 -> 16 (study.hcl:19)`,
		}},
	{name: "nested value of another method", edit: func(p *whyProject) { p.edit(`rank = 0`, `rank = 1`) }, address: trainOne, want: same(trainOne)},
	{name: "nested value added", edit: func(p *whyProject) { p.edit(`rank = 8`, `rank = 8, drop = 0.1`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.drop: (none) -> 0.1 (study.hcl:19)`,
		}},
	{name: "nested value removed", edit: func(p *whyProject) { p.edit(`rank = 8, alpha = 1`, `rank = 8`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.alpha: 1 -> (none) (study.hcl:38)`,
		}},
	{name: "list element changed", edit: func(p *whyProject) { p.edit(`[1, 2, 3]`, `[1, 5, 3]`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.layers[1]: 2 -> 5 (study.hcl:40)`,
		}},
	{name: "list grown", edit: func(p *whyProject) { p.edit(`[1, 2, 3]`, `[1, 2, 3, 4]`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.layers: [1,2,3] -> [1,2,3,4] (study.hcl:40)`,
		}},
	{name: "variable by a flag", edit: func(*whyProject) {}, args: []string{"-var", "rate=0.2"}, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.rate: 0.1 -> 0.2 (var.rate, study.hcl:39)`,
		}},
	{name: "variable's default", edit: func(p *whyProject) { p.edit(`default = 0.1`, `default = 0.3`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.rate: 0.1 -> 0.3 (var.rate, study.hcl:39)`,
		}},
	{name: "sensitive variable", edit: func(*whyProject) {}, args: []string{"-var", "token=second secret"}, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ env.TOKEN: (sensitive) -> (sensitive) (var.token, study.hcl:42)`,
		}},
	{name: "long command, changed at its end", edit: func(p *whyProject) { p.edit(`>> ${output.out}`, `>> ${output.out}; true`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ command[2]: …o 0 >> @{output.out}" -> …o 0 >> @{output.out}; true" (study.hcl:44)`,
		}},
	{name: "two attributes", edit: func(p *whyProject) { p.edit(`rank = 8, alpha = 1`, `rank = 9, alpha = 2`) }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ params.alpha: 1 -> 2 (study.hcl:19)`,
			`  ~ params.rank: 8 -> 9 (study.hcl:19)`,
		}},
	{name: "salt", edit: func(p *whyProject) { p.edit("  retry {", "  salt = \"again\"\n  retry {") }, address: trainOne,
		want: []string{
			`command.train["lora",0] will run`,
			`  ~ salt: (none) -> again (study.hcl:45)`,
		}},
	{name: "axis value added", edit: func(*whyProject) {}, args: []string{"-var", "seeds=[0, 1, 2]"}, address: `command.train["lora",2]`,
		want: []string{
			`command.train["lora",2] will run`,
			`  ~ never ran`,
		}},
	{name: "axis value added: the others", edit: func(*whyProject) {}, args: []string{"-var", "seeds=[0, 1, 2]"}, address: trainOne, want: same(trainOne)},

	// What must not run anything.
	{name: "comment and blanks", edit: func(p *whyProject) { p.edit(`rank = 8,`, "# eight\n rank   =   8,\n") }, address: trainOne, want: same(trainOne)},
	{name: "attributes in another order", edit: func(p *whyProject) { p.edit(`{ rank = 8, alpha = 1 }`, `{ alpha = 1, rank = 8 }`) }, address: trainOne, want: same(trainOne)},
	{name: "resources", edit: func(p *whyProject) { p.edit("  retry {", "  resources { cpus = 2 }\n  retry {") }, address: trainOne, want: same(trainOne)},
	{name: "retry", edit: func(p *whyProject) { p.edit("attempts = 1", "attempts = 3") }, address: trainOne, want: same(trainOne)},
	{name: "executor", edit: func(p *whyProject) { p.edit("  retry {", "  executor = \"local\"\n  retry {") }, address: trainOne, want: same(trainOne)},
	{name: "a stage more", edit: func(p *whyProject) {
		p.write("more.hcl", "")
		p.edit(`stage "command" "table" {`, "stage \"command\" \"more\" {\n  outputs = { out = \"more\" }\n  command = [\"touch\", output.out]\n}\n\nstage \"command\" \"table\" {")
	}, address: tableOne, want: same(tableOne)},
	{name: "stage renamed", edit: func(p *whyProject) { p.edit(`stage "command" "table"`, `stage "command" "summary"`) }, address: "command.summary",
		want: same("command.summary")},

	// Inputs.
	{name: "input file", edit: func(p *whyProject) { p.write("note.txt", "another\n") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ input note changed: note.txt (study.hcl:28)`,
		}},
	{name: "file of an input folder", edit: func(p *whyProject) { p.write("data/deep/b.csv", "3,5\n") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ input raw changed: deep/b.csv changed (study.hcl:27)`,
			`      ~ deep/b.csv`,
		}},
	{name: "file more in an input folder", edit: func(p *whyProject) { p.write("data/c.csv", "5,6\n") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ input raw changed: c.csv added (study.hcl:27)`,
			`      + c.csv`,
		}},
	{name: "file less in an input folder", edit: func(p *whyProject) { p.remove("data/a.csv") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ input raw changed: a.csv removed (study.hcl:27)`,
			`      - a.csv`,
		}},
	{name: "file of an input folder renamed", edit: func(p *whyProject) { p.rename("data/a.csv", "data/z.csv") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ input raw changed: a.csv -> z.csv renamed (study.hcl:27)`,
			`      ~ z.csv (was a.csv)`,
		}},
	{name: "many files of an input folder", edit: func(p *whyProject) {
		p.write("data/1.csv", "1")
		p.write("data/2.csv", "2")
		p.write("data/3.csv", "3")
		p.remove("data/deep/b.csv")
	}, address: prepOne, want: []string{
		`command.prep will run`,
		`  ~ input raw changed: 1.csv, 2.csv and 1 more added; deep/b.csv removed (study.hcl:27)`,
		`      + 1.csv`,
		`      + 2.csv`,
		`      + 3.csv`,
		`      - deep/b.csv`,
	}},
	{name: "input folder moved", edit: func(p *whyProject) {
		p.check(os.MkdirAll(p.path("elsewhere"), 0o777))
		p.rename("data", "elsewhere/data")
		p.edit(`"data"`, `"elsewhere/data"`)
	}, address: prepOne, want: same(prepOne)},
	{name: "input file renamed", edit: func(p *whyProject) {
		p.rename("note.txt", "remark.txt")
		p.edit(`"note.txt"`, `"remark.txt"`)
	}, address: prepOne, want: []string{
		`command.prep will run`,
		`  ~ name of input note: note.txt -> remark.txt (study.hcl:28)`,
	}},
	{name: "input dropped", edit: func(p *whyProject) { p.edit(`    note = "note.txt"`, ``); p.edit(`input.note, `, ``) }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ command: ["sh","prep/run.sh","@{input.raw}","@{input.note}","@{output.out}"] -> ["sh","prep/run.sh","@{input.raw}","@{output.out}"] (study.hcl:32)`,
			`  ~ input note is no longer read (study.hcl:26)`,
		}},
	{name: "input called otherwise", edit: func(p *whyProject) {
		p.edit(`note = "note.txt"`, `remark = "note.txt"`)
		p.edit(`input.note`, `input.remark`)
	}, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ command[3]: "@{input.note}" -> "@{input.remark}" (study.hcl:32)`,
			`  ~ input note is called remark now (study.hcl:28)`,
		}},

	// Code and environment.
	{name: "code file", edit: func(p *whyProject) { p.write("prep/run.sh", "mkdir $3; cat $1/*.csv > $3/data.txt") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ code prep/run.sh changed (study.hcl:25)`,
		}},
	{name: "code file more", edit: func(p *whyProject) { p.write("prep/more.sh", "") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ code prep/more.sh is new (study.hcl:25)`,
		}},
	{name: "code file less", edit: func(p *whyProject) { p.remove("prep/extra.sh") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ code prep/extra.sh is no longer there (study.hcl:25)`,
		}},
	{name: "what the probe prints", edit: func(p *whyProject) { p.write("tool.txt", "tool 1.0\nlibrary 2.1\n") }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ probe cat tool.txt: library 2.0 -> library 2.1 (study.hcl:30)`,
		}},
	{name: "another probe", edit: func(p *whyProject) { p.edit(`["cat", "tool.txt"]`, `["cat", "note.txt"]`) }, address: prepOne,
		want: []string{
			`command.prep will run`,
			`  ~ probe[1]: "tool.txt" -> "note.txt" (study.hcl:30)`,
		}},
	{name: "output file renamed", edit: func(p *whyProject) { p.edit(`"score.txt"`, `"score.csv"`) }, address: scoreOne,
		want: []string{
			`command.score["lora",0] will run`,
			`  ~ output out: score.txt -> score.csv (study.hcl:51)`,
		}},
	{name: "output called otherwise", edit: func(p *whyProject) {
		p.edit(`{ out = "table.txt" }`, `{ tab = "table.txt" }`)
		p.edit(`${input.runs} > ${output.out}`, `${input.runs} > ${output.tab}`)
	},
		address: tableOne, want: []string{
			`command.table will run`,
			`  ~ command[2]: "cat @{input.runs} > @{output.out}" -> "cat @{input.runs} > @{output.tab}" (study.hcl:58)`,
			`  ~ output out is called tab now (study.hcl:57)`,
		}},

	// Upstream.
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
