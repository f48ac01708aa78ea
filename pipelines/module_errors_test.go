package pipelines

import (
	"fmt"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// Each case is files of a pipeline and what is said of it: "FILE:LINE: pattern", in the order of the messages.
func TestMistakesWithModulesAreToldWhereTheyAre(t *testing.T) {
	const child = "variable \"images\" {}\nvariable \"rate\" {\n  type = number\n  default = 0.1\n  validation {\n    condition = var.rate < 1\n    error_message = \"Too fast.\"\n  }\n}\nstage \"train\" \"net\" {\n  data = var.images\n  method = \"x\"\n  rate = var.rate\n}\noutput \"model\" { value = train.net.weights }\noutput \"both\" { value = [train.net.weights, train.net.log] }\noutput \"size\" { value = 3 }\noutput \"cell\" {\n  matrix = { n = [1] }\n  value = each.n == 1 ? train.net.weights : null\n}\n"
	const src = "stage \"src\" \"raw\" { source = \"phantom://x\" }\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"source": {map[string]string{"main.hcl": `module "a" {}
module "b" { source = "learn" }
module "c" { source = "./lern" }
module "d" { source = "https://example.org/m" }
module "e" { source = local.x }
module "f" { source = "./empty" }
module "f" { source = "./learn" }
module "g" { source = "/abs" }
`, "learn/l.hcl": child, "empty/readme": ""}, []string{
			`main.hcl:1: Missing attribute: Module "a" needs source.*Write source = "./a"`,
			`main.hcl:2: Not a local module: .*starts with ./ or ../, and "learn" does not.*write source = "./b"`,
			`main.hcl:3: No such module: There is no folder .*lern\. Did you mean "learn"\?`,
			`main.hcl:4: Not a local module: .*Copy what is elsewhere into the project`,
			`main.hcl:5: Invalid source: .*Write source = "./e"`,
			`main.hcl:6: Cannot read the module: .*holds no .hcl file.*Name a folder with .hcl files`,
			`main.hcl:7: Module declared twice: .*Give one of them another name`,
			`main.hcl:8: Not a local module`,
		}},
		"executors": {map[string]string{"main.hcl": src + `executor "slurm" "cluster" {
  partition = module.a.model
  account   = module.a.size
}
module "a" {
  source = "./learn"
  images = src.raw.images
}
`, "learn/l.hcl": child + `executor "slurm" "own" {}
stage "train" "far" {
  data     = var.images
  method   = "x"
  executor = "cluster"
}
stage "train" "further" {
  data     = var.images
  method   = "x"
  executor = "clutser"
}
`}, []string{
			`learn/l.hcl:22: Executor in a module: .*Move the block to the pipeline's own files`,
			`learn/l.hcl:31: Invalid value: executor: there is no executor "clutser". Did you mean "cluster"\?`,
			`main.hcl:3: Unexpected reference: partition is needed before anything runs, and module.a.output.model is made of artifacts`,
			`main.hcl:4: Invalid value: account: must be a string, not 3`,
		}},
		"arguments": {map[string]string{"main.hcl": src + `module "a" {
  source   = "./learn"
  imags    = src.raw.images
  for_each = [1]
  count    = 2
  version  = "1"
}
module "b" {
  source = "./learn"
  images = src.rwa.images
  rate   = "fast"
}
module "c" {
  source = "./learn"
  images = src.raw.note
  rate   = 2
  extra {}
}
module "d" {
  source = "./learn"
  images = each.x
}
`, "learn/l.hcl": child}, []string{
			`learn/l.hcl:11: Wrong kind of artifact: var.images \(src.raw.note\) is of kind text`,
			`main.hcl:2: Missing argument: Module "a" needs images. Add images = VALUE`,
			`main.hcl:4: Unknown variable: Module "a" has no variable "imags"\. Did you mean "images"\?`,
			`main.hcl:5: Not for modules: .*matrix`,
			`main.hcl:6: Not for modules: .*matrix`,
			`main.hcl:7: Not for modules: .*Take version away`,
			`main.hcl:11: Unknown stage: No stage "src" is called "rwa"\. Did you mean "raw"\?`,
			`main.hcl:12: Wrong type: The value of variable "rate" must be number`,
			`main.hcl:17: Invalid value for variable: Too fast\.\nvar.rate is 2\. Give it another value; the rule is at .*l.hcl:6`,
			`main.hcl:18: Unexpected block: .*extra = `,
			`main.hcl:22: Unexpected reference: .*Put the matrix on the stages`,
		}},
		"outputs": {map[string]string{"main.hcl": src + `module "a" {
  source = "./learn"
  images = src.raw.images
}
stage "train" "a" {
  data   = src.raw.images
  method = "x"
  start  = module.a.modell
}
stage "train" "b" {
  data   = src.raw.images
  method = "x"
  start  = module.b.model
}
stage "train" "c" {
  data   = module.a.model
  method = module.a.model
  start  = module.a.cell
}
stage "train" "d" {
  matrix = module.a.both.matrix
  data   = src.raw.images
  method = "x"
}
stage "report" "e" {
  runs  = module.a.model
  title = all.module.a.size
}
locals { m = module.a.model }
stage "train" "f" {
  enabled = module.a.model != null
  data    = src.raw.images
  method  = "x"
}
stage "train" "h" {
  data   = src.raw.images
  start  = all.module.a.model
  method = "x"
}
output "g" { value = module.a }
`, "learn/l.hcl": child}, []string{
			`main.hcl:9: Unknown output: Module "a" has no output "modell"\. Did you mean "model"\?`,
			`main.hcl:14: Unknown module: No module is called "b"\. Did you mean "a"|main.hcl:14: Unknown module: .*Known: a`,
			`main.hcl:17: Wrong kind of artifact: module.a.model \(module.a.train.net.weights\) is of kind weights`,
			`main.hcl:18: Artifact where a value is needed: `,
			`main.hcl:19: Not for others: Output module.a.cell is computed from each`,
			`main.hcl:22: No matrix: module.a.output.both is not what one stage makes`,
			`main.hcl:27: One artifact for several: runs gathers artifacts\. Write all.module.a.model`,
			`main.hcl:28: Nothing to gather: Output module.a.size is a plain value.*Write module.a.size`,
			`main.hcl:30: Artifact in a local: `,
			`main.hcl:32: Unexpected reference: enabled is needed before anything runs, and module.a.output.model is made of artifacts`,
			`main.hcl:38: Several artifacts for one input: .*Write module.a.model`,
			`main.hcl:41: Incomplete reference: Write module.a.OUTPUT\. Outputs of the module: model, both`,
		}},
		"circles": {map[string]string{"main.hcl": `module "a" {
  source = "./a"
}
module "x" {
  source = "./v"
  in     = module.y.out
}
module "y" {
  source = "./v"
  in     = module.x.out
}
module "s" {
  source = "./s"
  start  = train.t.weights
}
stage "train" "t" {
  data   = "phantom://x"
  method = "x"
  start  = module.s.model
}
`, "a/a.hcl": `module "b" { source = "../b" }`, "b/b.hcl": `module "c" { source = "../a" }`,
			"v/v.hcl": "variable \"in\" {}\noutput \"out\" { value = var.in + 1 }\n",
			"s/s.hcl": "variable \"start\" {}\nstage \"train\" \"u\" {\n  data = \"phantom://x\"\n  method = \"x\"\n  start = var.start\n}\noutput \"model\" { value = train.u.weights }\n",
		}, []string{
			`b/b.hcl:1: Modules in a circle: .*/a -> .*/b -> .*/a\. Take one of these`,
			`(?s)main.hcl:6: Values in a circle: .*module.x.var.in -> module.y.output.out -> module.y.var.in -> module.x.output.out -> module.x.var.in`,
			`s/s.hcl:5: Stages in a circle: .*module.s.train.u -> train.t -> module.s.train.u`,
		}},
		"joins": {map[string]string{"main.hcl": `
stage "src" "raw" {
  matrix = { site = ["a", "b"] }
  source = "phantom://${each.site}"
}
module "a" {
  source = "./learn"
  images = src.raw.images
}
module "b" {
  source = "./many"
}
stage "train" "c" {
  data   = "phantom://x"
  method = "x"
  start  = module.b.model
}
`, "learn/l.hcl": child, "many/m.hcl": "stage \"train\" \"net\" {\n  matrix = { seed = [0, 1] }\n  data = \"phantom://x\"\n  method = \"x\"\n  bogus = 1\n}\noutput \"model\" { value = train.net.weights }\n"}, []string{
			`learn/l.hcl:11: Ambiguous reference: var.images has an instance for each value of site, and module.a.train.net has no axis.*matrix = var.images.matrix`,
			`main.hcl:16: Ambiguous reference: module.b.model has an instance for each value of seed.*Write matrix = module.b.model.matrix to have one train for each, or matrix = { seed = .0. } to take one`,
			`many/m.hcl:5: Unknown attribute: .*"bogus"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, c.files)
			var got []string
			for _, d := range loadAndExpand(filepath.Join(dir, "main.hcl")) {
				if d.Subject == nil {
					t.Fatalf("without a place: %s", d.Error())
				}
				if !remedy.MatchString(d.Detail) {
					t.Errorf("no remedy: %s", d.Error())
				}
				rel, err := filepath.Rel(dir, d.Subject.Filename)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%s:%d: %s: %s", rel, d.Subject.Start.Line, d.Summary, d.Detail))
			}
			sort.SliceStable(got, func(i, j int) bool {
				a, _, _ := strings.Cut(got[i], ":")
				b, _, _ := strings.Cut(got[j], ":")
				return a < b
			})
			sort.SliceStable(c.want, func(i, j int) bool {
				a, _, _ := strings.Cut(strings.TrimPrefix(c.want[i], "(?s)"), ":")
				b, _, _ := strings.Cut(strings.TrimPrefix(c.want[j], "(?s)"), ":")
				return a < b
			})
			for i := range max(len(got), len(c.want)) {
				switch {
				case i >= len(got):
					t.Errorf("missing: %s", c.want[i])
				case i >= len(c.want):
					t.Errorf("not expected: %s", got[i])
				case !regexp.MustCompile("^(?:" + c.want[i] + ")").MatchString(got[i]):
					t.Errorf("got  %s\nwant %s", got[i], c.want[i])
				}
			}
		})
	}
}
