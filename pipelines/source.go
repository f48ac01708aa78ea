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

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
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
}

// File is one HCL file. Name is as the user would write it, for messages.
type File struct {
	Name string
	Text []byte
}

// Find reads the pipeline that path means: a file, a folder with .hcl files, or the name of a shipped one.
func Find(path string) (Source, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return readDir(path)
	case err == nil:
		return readFiles(filepath.Dir(path), []string{path})
	case !errors.Is(err, fs.ErrNotExist):
		return Source{}, err
	}
	text, err := shipped.ReadFile(path + ".hcl")
	if err != nil {
		hint := didYouMean(path, Shipped())
		return Source{}, fmt.Errorf("no file, folder or shipped pipeline is called %q.%s", path, hint)
	}
	dir, err := os.Getwd()
	return Source{Files: []File{{path + ".hcl", text}}, Dir: dir}, err
}

func readDir(dir string) (Source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		return Source{}, err
	}
	if len(names) == 0 {
		return Source{}, fmt.Errorf("folder %s holds no .hcl file. Name one, or a shipped pipeline: %s", dir, listing(Shipped()))
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
		text, err := os.ReadFile(name)
		if err != nil {
			return Source{}, err
		}
		src.Files = append(src.Files, File{name, text})
	}
	return src, nil
}

// parse turns the text of the files into syntax trees. A file with a syntax error gives what could be read.
func (src Source) parse() (map[string]*hcl.File, []*hclsyntax.Body, hcl.Diagnostics) {
	files := map[string]*hcl.File{}
	var bodies []*hclsyntax.Body
	var diags hcl.Diagnostics
	for _, f := range src.Files {
		file, more := hclsyntax.ParseConfig(f.Text, f.Name, hcl.InitialPos)
		diags = append(diags, more...)
		if file == nil {
			continue
		}
		files[f.Name] = file
		bodies = append(bodies, file.Body.(*hclsyntax.Body))
	}
	return files, bodies, diags
}
