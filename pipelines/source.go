package pipelines

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

//go:embed *.hcl
var shipped embed.FS

// Shipped returns the names of the pipelines that come with the binary.
func Shipped() []string {
	names, err := fs.Glob(shipped, "*.hcl")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, ".hcl")
	}
	return names
}

// Source is where a pipeline is written: its files and the folder that paths in them are relative to.
type Source struct {
	Files []File // sorted by name
	Dir   string // absolute

	path string // of the file or folder, absolute and without links, if it is on disk
}

// shown is how messages name the folder: as the names of the files do.
func (src Source) shown() string {
	if src.path == "" {
		return src.Dir
	}
	return filepath.Dir(src.Files[0].Name)
}

// File is one HCL file. Name is as the user would write it, for messages.
type File struct {
	Name string
	Text []byte
}

// Find reads the pipeline that path means: a file, a folder with .hcl files, or the name of a shipped one.
func Find(path string) (Source, error) {
	src, err := readPath(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return src, err
	}
	text, err := shipped.ReadFile(path + ".hcl")
	if err != nil {
		return Source{}, fmt.Errorf("there is no %s, and no shipped pipeline is called %q.%s", absolute(path), path, didYouMean(path, Shipped()))
	}
	dir, err := os.Getwd()
	return Source{Files: []File{{Name: path + ".hcl", Text: text}}, Dir: dir}, err
}

// readPath reads a file, or a folder with .hcl files.
func readPath(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	var src Source
	if info.IsDir() {
		src, err = readDir(path)
	} else {
		src, err = readFiles(filepath.Dir(path), []string{path})
	}
	if err != nil {
		return Source{}, err
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		src.path, err = filepath.Abs(real)
	}
	return src, err
}

// absolute is the place that was looked at, for a message.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func readDir(dir string) (Source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		return Source{}, err
	}
	if len(names) == 0 {
		return Source{}, fmt.Errorf("folder %s holds no .hcl file. Name one, or a shipped pipeline: %s", absolute(dir), listing(Shipped()))
	}
	sort.Strings(names)
	return readFiles(dir, names)
}

func readFiles(dir string, names []string) (Source, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Source{}, err
	}
	src := Source{Dir: abs}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() > largestFile {
			return Source{}, fmt.Errorf("file %s has more than %d MiB. Keep data in files of its own and read them in a stage", name, largestFile>>20)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return Source{}, err
		}
		src.Files = append(src.Files, File{name, text})
	}
	return src, nil
}

// Format brings the text of a file into the canonical form. A file with syntax errors is not touched; the syntax tree
// is for the snippets of diagnostics.
func Format(name string, text []byte) ([]byte, *hcl.File, hcl.Diagnostics) {
	if d := checkEncoding(name, text); d != nil {
		return nil, &hcl.File{Bytes: text}, hcl.Diagnostics{d}
	}
	file, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, file, diags
	}
	return hclwrite.Format(text), file, diags
}

// checkEncoding tells whether a file is text that the parser should read.
func checkEncoding(name string, text []byte) *hcl.Diagnostic {
	rest, line := text, 1
	for len(rest) > 0 {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 || r == 0 {
			return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Not text",
				Detail: fmt.Sprintf("%s is not text in UTF-8: line %d holds the byte 0x%02x. Name a pipeline, or write the file again in UTF-8.", name, line, rest[0])}
		}
		if r == '\n' {
			line++
		}
		rest = rest[n:]
	}
	return checkNesting(name, text)
}

// parsed is a source as syntax trees.
type parsed struct {
	bodies []*hclsyntax.Body
	diags  hcl.Diagnostics
}

// parse turns the text of the files into syntax trees. A file with a syntax error gives what could be read.
func (p *Pipeline) parse(src Source) parsed {
	var source parsed
	for _, f := range src.Files {
		if d := checkEncoding(f.Name, f.Text); d != nil {
			source.diags = append(source.diags, d)
			continue
		}
		file, more := hclsyntax.ParseConfig(f.Text, f.Name, hcl.InitialPos)
		source.diags = append(source.diags, more...)
		if file == nil {
			continue
		}
		p.files[f.Name] = file
		source.diags = append(source.diags, p.work.install(file.Body.(*hclsyntax.Body))...)
		source.bodies = append(source.bodies, file.Body.(*hclsyntax.Body))
	}
	return source
}
