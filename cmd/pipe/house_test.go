package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pipe-ml/pipe"

// layers are the top-level packages with what each may import of ours, besides itself.
var layers = map[string][]string{
	"cmd":       {"pipelines", "stages", "dag"},
	"pipelines": {"stages", "dag"},
	"dag":       {},
	"stages":    {"nn", "accel"},
	"nn":        {"accel"},
	"accel":     {},
}

// goFiles lists the Go files of the repository, with slash paths relative to its root.
func goFiles(t *testing.T) (root string, files []string) {
	t.Helper()
	return filesOf(t, ".go")
}

// filesOf lists the files of the repository whose names end so.
func filesOf(t *testing.T, extensions ...string) (root string, files []string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || name != root && strings.HasPrefix(e.Name(), ".")):
			return filepath.SkipDir
		case !e.IsDir() && slices.Contains(extensions, filepath.Ext(name)):
			rel, err := filepath.Rel(root, name)
			files = append(files, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return root, files
}

func TestImportsGoOneWay(t *testing.T) {
	root, files := goFiles(t)
	for _, file := range files {
		layer, _, nested := strings.Cut(file, "/")
		if !nested {
			t.Errorf("%s: Go files belong into a package folder", file)
			continue
		}
		may, known := layers[layer]
		if !known {
			t.Errorf("%s: top-level folder %s is not part of the house", file, layer)
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, ok := strings.CutPrefix(name, module+"/")
			if !ok {
				continue
			}
			to, _, _ := strings.Cut(ours, "/")
			if to != layer && !slices.Contains(may, to) {
				t.Errorf("%s imports %s: %s may import of ours only %v", file, name, layer, may)
			}
		}
	}
}

// mostLines is how long a file may be that a person has written.
const mostLines = 400

func TestFilesAreShort(t *testing.T) {
	root, files := filesOf(t, ".go", ".c", ".h", ".cu")
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > mostLines && !generated(text) {
			t.Errorf("%s has %d lines, more than %d: it holds more than one idea", file, n, mostLines)
		}
	}
}

// generated tells whether a file says so in the way that Go tools know.
func generated(text []byte) bool {
	head, _, _ := bytes.Cut(text, []byte("\npackage "))
	return bytes.Contains(head, []byte("// Code generated ")) && bytes.Contains(head, []byte(" DO NOT EDIT."))
}

func TestFilesInCBeginWithWhatTheyAre(t *testing.T) {
	root, files := filesOf(t, ".c", ".h", ".cu")
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(text, []byte("/* ")) && !bytes.HasPrefix(text, []byte("// ")) {
			t.Errorf("%s has no comment at its head", file)
		}
	}
}

func TestPackagesTellTheirVocabulary(t *testing.T) {
	root, files := goFiles(t)
	packages := map[string]int{}    // number of files
	documented := map[string]bool{} // in doc.go
	somewhere := map[string]bool{}  // in any file
	for _, file := range files {
		dir := path.Dir(file)
		if !strings.HasSuffix(file, "_test.go") {
			packages[dir]++
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc != nil {
			somewhere[dir] = true
			documented[dir] = documented[dir] || path.Base(file) == "doc.go"
		}
	}
	for dir, n := range packages {
		small := n == 1 || strings.Contains(dir, "/internal/") // its file's head is place enough
		switch base := path.Base(dir); base {
		case "util", "utils", "common", "helpers", "manager":
			t.Errorf("package %s: the name says nothing", dir)
		}
		if small {
			documented[dir] = somewhere[dir]
		}
		if !documented[dir] {
			t.Errorf("package %s has no doc.go with a comment", dir)
		}
	}
}
