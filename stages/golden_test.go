package stages

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/stages/artifact"
)

var (
	update = flag.Bool("update", false, "write testdata/golden.txt anew")
	part   = flag.Bool("part", false, "of the fine-tuning methods, run those of kernelsOfTheirOwn alone")
)

// kernelsOfTheirOwn are the methods that launch a kernel which no other stage of goldens launches (dropout, the tanh GELU, the norm of rows,
// averages and bilinear upsampling), and those whose models later stages read.
var kernelsOfTheirOwn = []string{"adaptformer", "compacter", "dora", "full", "lite_residual", "lora"}

const goldenFile = "testdata/golden.txt"

// goldens runs every stage type on a tiny input and names the bytes that it makes: "TYPE NAME version N DIGEST",
// a line each.
func goldens(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	var lines []string
	// run runs a stage whose outputs are folders or files in dir, and keeps their digest.
	run := func(stage, name, config string, inputs map[string]Given, outputs map[string]string) {
		t.Helper()
		typ, ok := Lookup(stage)
		if !ok {
			t.Fatalf("no stage type %s", stage)
		}
		s, err := Decode(typ, []byte(config), inputs, outputs)
		if err == nil {
			err = s.Run(t.Context(), silent{})
		}
		if err != nil {
			t.Fatalf("%s %s: %v", stage, name, err)
		}
		if m, ok := s.(Measurer); ok {
			wrote, err := artifact.ReadMetrics(outputs["metrics"])
			for _, measured := range sortedKeys(wrote) {
				if !slices.Contains(m.Measures(), measured) {
					t.Errorf("%s %s measured %s, which its Measures does not tell", stage, name, measured)
				}
			}
			if err != nil {
				t.Error(err)
			}
		}
		digests := ""
		for _, output := range sortedKeys(outputs) {
			digests += " " + treeDigest(t, outputs[output])
		}
		lines = append(lines, fmt.Sprintf("%s %s version %d%s", stage, name, typ.Version, digests))
	}
	given := func(pairs ...string) map[string]Given {
		out := map[string]Given{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = Given{Path: at(pairs[i+1])}
		}
		return out
	}
	model := func(name string) map[string]string { return map[string]string{"model": at(name)} }

	run("dataset", "films", `{"source":"phantom://chestxray?count=24&size=64"}`, nil, map[string]string{"data": at("data")})
	run("preprocess", "films", `{"size":64}`, given("data", "data"), map[string]string{"images": at("images")})
	run("preprocess", "drawn", `{"size":32}`, given("data", "data"), map[string]string{"images": at("drawn")})
	run("dataset", "viewed", `{"source":"phantom://chestxray?count=24&size=64","attributes":["view"]}`, nil, map[string]string{"data": at("viewed")})
	run("preprocess", "viewed", `{"size":64,"split":{"train":0.4,"val":0.2,"test":0.4}}`, given("data", "viewed"), map[string]string{"images": at("views")})
	run("tokenize", "films", `{"max_length":16}`, given("data", "data"), map[string]string{"tokens": at("tokens")})

	const short = `"steps":2,"eval_every":2,"batch_size":2`
	pairs := given("data", "drawn", "tokens", "tokens")
	for _, net := range []string{"resnet10_64", "vit_micro_patch16_64"} {
		run("pretrain", net, `{"model":"`+net+`",`+short+`}`, given("data", "images"), model(net))
	}
	run("pretrain", "unet_micro", `{"model":"unet_micro",`+short+`}`, pairs, model("unet"))
	methods := peft.Names()
	if *part {
		methods = kernelsOfTheirOwn
	}
	for _, method := range methods {
		inputs := given("data", "images", "model", "vit_micro_patch16_64")
		switch kindFor(t, method) {
		case "cnn":
			inputs = given("data", "images", "model", "resnet10_64")
		case "diffusion":
			inputs = given("data", "drawn", "tokens", "tokens", "model", "unet")
		}
		run("finetune", method, `{"method":"`+method+`",`+short+`}`, inputs, model(method))
	}
	run("finetune", "masked", `{"method":"full","blocks":[1,2],"layers":["mlp","norm?"],`+short+`}`, given("data", "images", "model", "vit_micro_patch16_64"), model("masked"))
	run("finetune", "cnn", `{"method":"norm",`+short+`}`, given("data", "images", "model", "resnet10_64"), model("cnn"))
	pairs["model"] = Given{Path: at("unet")}
	run("finetune", "unet_lora", `{"method":"lora",`+short+`}`, pairs, model("unet_lora"))
	run("encode", "unet", `{}`, pairs, map[string]string{"latents": at("latents")})
	run("finetune", "unet_lora_latents", `{"method":"lora",`+short+`}`, given("latents", "latents", "model", "unet"), model("unet_lora_latents"))
	run("merge", "lora", `{}`, given("model", "lora"), model("merged"))
	run("merge", "unet_lora", `{}`, given("model", "unet_lora"), model("unet_merged"))
	run("sample", "unet_lora", `{"count":2,"steps":2}`, given("data", "drawn", "model", "unet_lora"), map[string]string{"samples": at("samples")})

	runs := make([]Member, 0, 2)
	for i, method := range []string{"full", "lora"} {
		file := at(method + ".json")
		run("evaluate", method, `{"metrics":["accuracy","f1","auroc","ece"],"bootstrap":20,"batch_size":4}`, given("data", "images", "model", method), map[string]string{"metrics": file})
		runs = append(runs, Member{Axes: map[string]any{"method": method, "fraction": float64(i + 1)}, Path: file})
	}
	run("evaluate", "samples", `{"metrics":["fid","kid","agreement"],"batch_size":4}`, given("data", "images", "samples", "samples", "extractor", "resnet10_64"),
		map[string]string{"metrics": at("samples.json")})
	run("evaluate", "groups", `{"metrics":["accuracy","f1_micro","f1_weighted","auroc_weighted","ece_adaptive","ece_classwise"],"groups":"view","bootstrap":20}`,
		given("data", "views", "model", "full"), map[string]string{"metrics": at("groups.json")})
	run("evaluate", "generated", `{"metrics":["kid_blocks","precision","recall","density","coverage","memorisation","memorisation_pixels","ms_ssim","ms_ssim_nearest"],"neighbours":1,"bootstrap":20}`,
		given("data", "views", "samples", "samples", "extractor", "resnet10_64"), map[string]string{"metrics": at("generated.json")})
	gathered := map[string]Given{"runs": {Members: runs}}
	run("figure", "line", `{"x":"fraction","y":"f1","series":"method"}`, gathered, map[string]string{"svg": at("f.svg"), "pdf": at("f.pdf"), "png": at("f.png")})
	run("table", "methods", `{"rows":["method"],"metrics":["accuracy","ece"]}`, gathered, map[string]string{"csv": at("t.csv"), "md": at("t.md"), "tex": at("t.tex")})
	return lines
}

// A changed digest means that a stage gives other bytes for the same inputs, so results in people's stores are no
// longer what it would make.
func TestStagesGiveTheirGoldenBytes(t *testing.T) {
	t.Parallel()
	t.Logf("on %s", cpu.Levels()[0])
	got := goldens(t)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(goldenFile), 0o777), os.WriteFile(goldenFile, []byte(strings.Join(got, "\n")+"\n"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(goldenFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	want := byName(strings.Split(strings.TrimSpace(string(text)), "\n"))
	for _, line := range got {
		name := goldenName(line)
		if line != want[name] {
			t.Errorf("got  %s\nwant %s\nOther bytes for the same inputs: bump Version of the first stage type listed (the others may only follow), then\ngo test ./stages -run StagesGive -update", line, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		if method, ok := strings.CutPrefix(name, "finetune "); ok && *part && slices.Contains(peft.Names(), method) {
			continue
		}
		t.Errorf("%s has a digest for %q, which is not tested", goldenFile, name)
	}
	for _, name := range Names() {
		// command and download make whatever a program or a server says.
		if name != "command" && name != DownloadType && !strings.Contains("\n"+strings.Join(got, "\n"), "\n"+name+" ") {
			t.Errorf("stage type %s has no golden digest", name)
		}
	}
}

// goldenName is what a line is the digest of: "TYPE NAME".
func goldenName(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[:min(2, len(words))], " ")
}

func byName(lines []string) map[string]string {
	m := map[string]string{}
	for _, line := range lines {
		m[goldenName(line)] = line
	}
	return m
}

// The digests are the same on machines with less, here the one that this test is on with parts of it hidden. That kernels give the same
// bits for every level at every size, nn/op/optest shows; here they do so in every stage.
func TestGoldenBytesDoNotDependOnTheMachine(t *testing.T) {
	t.Parallel()
	hidden := map[string]string{"avx2": "cpu.avx512f=off", "go": "cpu.avx512f=off,cpu.avx2=off"}
	for _, level := range cpu.Levels()[1:] {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^TestStagesGiveTheirGoldenBytes$", "-part")
			cmd.Env = append(os.Environ(), "GODEBUG="+hidden[level])
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "on "+level+"\n") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
