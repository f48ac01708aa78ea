package pipelines

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// calls holds a call of every function with its result, as Terraform gives it. The files are those of the test below.
var calls = []struct{ call, want string }{
	{`abs(-3)`, `3`}, {`ceil(1.2)`, `2`}, {`floor(1.8)`, `1`}, {`log(8, 2)`, `3`}, {`max(1, 3, 2)`, `3`}, {`min(2, 1)`, `1`},
	{`parseint("ff", 16)`, `255`}, {`pow(2, 10)`, `1024`}, {`signum(-7)`, `-1`},

	{`chomp("a\n\n")`, `"a"`}, {`endswith("lora", "ra")`, `true`}, {`format("%s-%03d", "a", 7)`, `"a-007"`},
	{`formatlist("%s!", ["a", "b"])`, `["a!", "b!"]`}, {`indent(2, "a\nb")`, `"a\n  b"`}, {`join("-", ["a", "b"], ["c"])`, `"a-b-c"`},
	{`lower("Ab")`, `"ab"`}, {`regex("[0-9]+", "a12b3")`, `"12"`}, {`regexall("[0-9]+", "a12b3")`, `["12", "3"]`},
	{`replace("a.b.c", ".", "-")`, `"a-b-c"`}, {`replace("a1b22", "/[0-9]+/", "<$0>")`, `"a<1>b<22>"`}, {`split(",", "a,b")`, `["a", "b"]`},
	{`startswith("lora", "lo")`, `true`}, {`strcontains("lora", "or")`, `true`}, {`strrev("abc")`, `"cba"`}, {`substr("hello", 1, 3)`, `"ell"`},
	{`title("two words")`, `"Two Words"`}, {`trim("--a-", "-")`, `"a"`}, {`trimprefix("abc", "a")`, `"bc"`}, {`trimspace(" a ")`, `"a"`},
	{`trimsuffix("abc", "c")`, `"ab"`}, {`upper("Ab")`, `"AB"`}, {`templatestring("$${n} of $${upper(m)}", { n = 2, m = "x" })`, `"2 of X"`},

	{`alltrue([true, false])`, `false`}, {`anytrue([true, false])`, `true`}, {`chunklist([1, 2, 3], 2)`, `[[1, 2], [3]]`},
	{`coalesce(null, "", "a")`, `"a"`}, {`coalescelist([], ["a"])`, `["a"]`}, {`compact(["a", "", null])`, `["a"]`},
	{`concat(["a"], ["b"])`, `["a", "b"]`}, {`contains(["a"], "a")`, `true`}, {`distinct(["a", "b", "a"])`, `["a", "b"]`},
	{`element(["a", "b"], 3)`, `"b"`}, {`flatten([[1], [2, [3]]])`, `[1, 2, 3]`}, {`index(["a", "b"], "b")`, `1`},
	{`keys({ b = 1, a = 2 })`, `["a", "b"]`}, {`length("äb")`, `2`}, {`length({ a = 1 })`, `1`}, {`lookup({ a = 1 }, "a")`, `1`},
	{`lookup({ a = 1 }, "b", 2)`, `2`}, {`matchkeys(["i1", "i2", "i3"], ["a", "b", "a"], ["a"])`, `["i1", "i3"]`},
	{`merge({ a = 1, b = 1 }, { b = 2 })`, `{ a = 1, b = 2 }`}, {`one(["a"])`, `"a"`}, {`one([])`, `null`}, {`range(1, 7, 2)`, `[1, 3, 5]`},
	{`range(3)`, `[0, 1, 2]`}, {`range(3, 0)`, `[3, 2, 1]`}, {`length(range(5000))`, `5000`}, {`reverse([1, 2])`, `[2, 1]`},
	{`setintersection(["a", "b"], ["b"])`, `["b"]`}, {`setproduct(["a", "b"], [1])`, `[["a", 1], ["b", 1]]`}, {`setsubtract(["a", "b"], ["b"])`, `["a"]`},
	{`setunion(["a"], ["b"])`, `["a", "b"]`}, {`slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`}, {`sort(["b", "a"])`, `["a", "b"]`}, {`sum([1, 2.5])`, `3.5`},
	{`transpose({ a = ["x", "y"], b = ["x"] })`, `{ x = ["a", "b"], y = ["a"] }`}, {`values({ b = 1, a = 2 })`, `[2, 1]`},
	{`zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`},

	{`can(upper([]))`, `false`}, {`try(local.x, "b")`, `"b"`}, {`tobool("true")`, `true`}, {`tonumber("1.5")`, `1.5`}, {`tostring(1)`, `"1"`},
	{`tolist(["a", 1])`, `["a", "1"]`}, {`tomap({ a = 1 })`, `{ a = 1 }`}, {`toset(["b", "a", "b"])`, `["a", "b"]`}, {`type(["a", 1])`, `"tuple([string,number])"`},
	{`issensitive(sensitive("a"))`, `true`}, {`sensitive("a")`, `(sensitive)`}, {`nonsensitive(sensitive("a"))`, `"a"`},

	{`base64decode("YQ==")`, `"a"`}, {`base64encode("a")`, `"YQ=="`}, {`startswith(base64gzip("a"), "H4sI")`, `true`},
	{`csvdecode("a,b\n1,2\n")`, `[{ a = "1", b = "2" }]`}, {`jsondecode("{\"a\":[1]}")`, `{ a = [1] }`}, {`jsonencode({ a = [1] })`, `"{\"a\":[1]}"`},
	{`textencodebase64("a", "UTF-16LE")`, `"YQA="`}, {`textdecodebase64("YQA=", "UTF-16LE")`, `"a"`}, {`urlencode("a b&c")`, `"a+b%26c"`},
	{`yamldecode("a: [1, x]")`, `{ a = [1, "x"] }`}, {`yamlencode({ a = 1 })`, `"\"a\": 1\n"`},

	{`base64sha256("a")`, `"ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="`}, {`substr(base64sha512("a"), 0, 8)`, `"H0D8ktok"`}, {`md5("a")`, `"0cc175b9c0f1b6a831c399e269772661"`},
	{`sha1("a")`, `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`}, {`substr(sha256("a"), 0, 8)`, `"ca978112"`}, {`substr(sha512("a"), 0, 8)`, `"1f40fc92"`},
	{`uuidv5("dns", "www.terraform.io")`, `"a5008fae-b28c-5ba5-96cd-82b4c53552d6"`}, {`rsadecrypt(file("cipher"), file("key.pem"))`, `"plain"`},

	{`cidrhost("10.12.112.0/20", 16)`, `"10.12.112.16"`}, {`cidrnetmask("172.16.0.0/12")`, `"255.240.0.0"`}, {`cidrsubnet("172.16.0.0/12", 4, 2)`, `"172.18.0.0/16"`},
	{`cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)`, `["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]`},

	{`formatdate("YYYY-MM-DD", "2018-01-02T23:12:01Z")`, `"2018-01-02"`}, {`timeadd("2017-11-22T00:00:00Z", "10m")`, `"2017-11-22T00:10:00Z"`},
	{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")`, `0`},

	{`basename("a/b.txt")`, `"b.txt"`}, {`dirname("a/b.txt")`, `"a"`}, {`abspath("/a/../b")`, `"/a/../b"`}, {`pathexpand("a/~")`, `"a/~"`},
	{`file("a.txt")`, `"a"`}, {`filebase64("a.txt")`, `"YQ=="`}, {`fileexists("a.txt")`, `true`}, {`fileset(".", "*.txt")`, `["a.txt"]`},
	{`templatefile("t.tpl", { xs = [1, 2] })`, `"1;2;"`}, {`filemd5("a.txt") == md5("a")`, `true`}, {`filesha1("a.txt") == sha1("a")`, `true`},
	{`filesha256("a.txt") == sha256("a")`, `true`}, {`filesha512("a.txt") == sha512("a")`, `true`},
	{`filebase64sha256("a.txt") == base64sha256("a")`, `true`}, {`filebase64sha512("a.txt") == base64sha512("a")`, `true`},
}

// functionModule is a module in a folder with the files that calls read.
func functionModule(t testing.TB) *module {
	t.Helper()
	dir := writeFiles(t, map[string]string{"a.txt": "a", "t.tpl": "%{ for x in xs }${x};%{ endfor }"})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cipher, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, []byte("plain")) //nolint:staticcheck // what rsadecrypt reads
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cipher":  base64.StdEncoding.EncodeToString(cipher),
		"key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := newModule(&Pipeline{}, nil, "")
	m.dir = dir
	m.base = newBase(m)
	return m
}

func compute(t testing.TB, m *module, text string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "call", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", text, diags)
	}
	if diags := m.meter().install(expr); diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return m.meter().evaluate(expr, m.base)
}

func TestEveryFunctionGivesWhatTerraformGives(t *testing.T) {
	m := functionModule(t)
	called := map[string]bool{}
	for _, c := range calls {
		v, diags := compute(t, m, c.call)
		if diags.HasErrors() {
			t.Errorf("%s: %s", c.call, diags)
			continue
		}
		if got := Literal(v); got != c.want && got != c.want[:min(77, len(c.want))]+"..." { // a long value is cut
			t.Errorf("%s: got %s, want %s", c.call, got, c.want)
		}
		for _, f := range Functions() {
			if strings.Contains(c.call, f.Name+"(") {
				called[f.Name] = true
			}
		}
	}
	for _, f := range Functions() {
		if !called[f.Name] {
			t.Errorf("%s is not called", f.Name)
		}
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") || strings.Contains(f.Doc, "\n") {
			t.Errorf("%s is described by %q", f.Name, f.Doc)
		}
	}
}

// Terraform's functions, from its language documentation. Each is there or refused with a reason.
const terraformFunctions = `abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 basename bcrypt can ceil chomp
chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains csvdecode dirname distinct element endswith
ephemeralasnull file filebase64 filebase64sha256 filebase64sha512 fileexists filemd5 fileset filesha1 filesha256 filesha512 flatten floor format
formatdate formatlist indent index issensitive join jsondecode jsonencode keys length list log lookup lower map matchkeys max md5 merge min
nonsensitive one parseint pathexpand plantimestamp pow range regex regexall replace reverse rsadecrypt sensitive setintersection setproduct
setsubtract setunion sha1 sha256 sha512 signum slice sort split startswith strcontains strrev substr sum templatefile templatestring textdecodebase64
textencodebase64 timeadd timecmp timestamp title tobool tolist tomap tonumber toset tostring transpose trim trimprefix trimspace trimsuffix try type
upper urlencode uuid uuidv5 values yamldecode yamlencode zipmap`

func TestTheFunctionsAreTerraforms(t *testing.T) {
	var got []string
	for name := range functions(functionModule(t)) {
		got = append(got, name)
	}
	sort.Strings(got)
	if diff := cmp.Diff(strings.Fields(terraformFunctions), got); diff != "" {
		t.Errorf("-Terraform +here: %s", diff)
	}
	m := functionModule(t)
	for name := range impure {
		if _, diags := compute(t, m, name+"()"); !diags.HasErrors() || !strings.Contains(diags.Error(), impure[name]) {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

func TestFunctionsSayWhatIsWrong(t *testing.T) {
	m := functionModule(t)
	for call, want := range map[string]string{
		`index(["a"], "b")`:                                  `the list does not hold "b"`,
		`lookup({ alpha = 1 }, "alpah")`:                     `Did you mean "alpha"?`,
		`one([1, 2])`:                                        `has 2 elements`,
		`file("nosuch.txt")`:                                 `no such file`,
		`file("/dev/zero")`:                                  `is not a file`,
		`base64decode("/w==")`:                               `use textdecodebase64`,
		`textencodebase64("a", "UTF-99")`:                    `take an IANA name`,
		`timecmp("now", "now")`:                              `is not a time`,
		`uuidv5("web", "a")`:                                 `is no namespace`,
		`cidrhost("10.0.0.0", 1)`:                            `is not a prefix`,
		`cidrnetmask("fe80::/10")`:                           `IPv6`,
		`cidrsubnets("10.0.0.0/30", 4)`:                      `bits that are left`,
		`matchkeys(["a"], ["b", "c"], ["b"])`:                `there are 1 values and 2 keys`,
		`range(0, 3, -1)`:                                    `leads away from the limit`,
		`range(0, 3, 0)`:                                     `the step is 0`,
		`templatestring("$${b}", { a = 1 })`:                 `which it is not given`,
		`templatestring("$${templatestring(\"\", {})}", {})`: `cannot fill another`,
		`templatefile("nosuch.tpl", {})`:                     `no such file`,
		`rsadecrypt("YQ==", "no key")`:                       `not in PEM form`,
	} {
		if _, diags := compute(t, m, call); !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
			t.Errorf("%s: got %v, want %s", call, diags, want)
		}
	}
}

// yamlBomb is a text whose value doubles three times with each of n lines.
func yamlBomb(n int) string {
	text := "a0: &a0 [x]\\n"
	for i := range n {
		text += fmt.Sprintf("a%d: &a%d [%s]\\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 8), ","))
	}
	return `yamldecode("` + text + `")`
}

// Each of these would fill the memory or never end.
func TestWorkWithoutBoundsEndsInADiagnostic(t *testing.T) {
	m := functionModule(t)
	nested := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for call, want := range map[string]string{
		`range(1e12)`:                                                 `more than 100000 numbers`,
		`format("%1000000000d", 1)`:                                   `wider than 1000`,
		`formatlist("%.999999999f", [1])`:                             `wider than 1000`,
		`indent(1000000000, "a\nb")`:                                  `from 0 to 1000 spaces`,
		`setproduct(range(1000), range(1000))`:                        `more than 100000 combinations`,
		`1e99999999`:                                                  `too large or too close`,
		`tonumber("1e99999999")`:                                      `too large or too close`,
		`jsondecode("[1e-99999999]")`:                                 `too large or too close`,
		`[for a in range(9999) : range(1000)]`:                        `more than 500000 steps`,
		`length([for a in range(9999) : [for b in range(9999) : 1]])`: `more than 500000 steps`,
		nested(`replace(`, `"aaaaaaaa"`, `, "a", "aaaaaaaaaaaaaaaaaaaaaa")`, 9): `more than 16 MiB`,
		nested(`concat(`, `range(99999)`, `, range(99999))`, 20):                `more than 500000 steps`,
		`join(format("%1000d", 1), range(99999))`:                               `more than 16 MiB`,
		yamlBomb(14): `aliases`,
	} {
		*m.meter() = meter{}
		if _, diags := compute(t, m, call); !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
			t.Errorf("%.60s: got %.300v, want %s", call, diags, want)
		}
	}
}

func TestTextThatNestsWithoutBoundsIsRefusedBeforeItIsParsed(t *testing.T) {
	const n = 100_000
	for name, text := range map[string]string{
		"brackets":     "locals {\n a = " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n}",
		"parentheses":  "locals {\n a = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n) + "\n}",
		"lines":        "locals {\n a = (" + strings.Repeat("\n-", n) + "1)\n}",
		"comments":     "locals {\n a = (" + strings.Repeat("# x\n-", n) + "1)\n}",
		"blocks":       strings.Repeat("a {\n", n) + strings.Repeat("}\n", n),
		"templates":    "locals {\n a = " + strings.Repeat(`"${`, n) + "1" + strings.Repeat(`}"`, n) + "\n}",
		"conditions":   "locals {\n a = " + strings.Repeat("true ? 1 : ", n) + "1\n}",
		"sums":         "locals {\n a = 1" + strings.Repeat(" + 1", n) + "\n}",
		"negations":    "locals {\n a = " + strings.Repeat("!", n) + "true\n}",
		"indices":      "locals {\n a = b" + strings.Repeat("[c]", n) + "\n}",
		"splats":       "locals {\n a = b" + strings.Repeat("[*]", n) + "\n}",
		"directives":   "locals {\n a = \"" + strings.Repeat("%{ if true }", n) + "\"\n}",
		"unclosed":     strings.Repeat("{[(", n),
		"object lines": "locals {\n a = " + strings.Repeat("{\nb = ", n) + "1" + strings.Repeat("\n}", n) + "\n}",
	} {
		_, diags := LoadSource(Source{Files: []File{{"p.hcl", []byte(text)}}, Dir: t.TempDir()}, nil)
		if !diags.HasErrors() || diags[0].Summary != "Nested too deeply" {
			t.Errorf("%s: got %.200v", name, diags)
		}
	}
	long := "locals {\n a = [\n" + strings.Repeat("  { b = 1 + 2, c = \"${1}\" }, # x\n", 10_000) + "  ]\n t = <<E\n" + strings.Repeat("${upper(\"a\")} and\n", 2000) + "E\n}\n"
	if _, diags := LoadSource(Source{Files: []File{{"p.hcl", []byte(long)}}, Dir: t.TempDir()}, nil); diags.HasErrors() {
		t.Errorf("a long file that is not deep: %.200v", diags)
	}
}
