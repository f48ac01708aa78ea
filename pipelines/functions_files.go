package pipelines

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// fileFunctions read files, relative to the module's folder, and take paths apart.
func fileFunctions(m *module) map[string]described {
	table := map[string]described{
		"abspath": {text(func(s ...string) (string, error) {
			return filepath.ToSlash(under(m.dir, s[0])), nil
		}, "path"), "The path from the root of this machine; it belongs into inputs, which are known by content."},
		"basename": {text(func(s ...string) (string, error) { return path.Base(filepath.ToSlash(s[0])), nil }, "path"), "The last part of the path."},
		"dirname":  {text(func(s ...string) (string, error) { return path.Dir(filepath.ToSlash(s[0])), nil }, "path"), "The path without its last part."},
		"pathexpand": {text(func(s ...string) (string, error) {
			if s[0] != "~" && !strings.HasPrefix(s[0], "~/") {
				return s[0], nil
			}
			home, err := os.UserHomeDir()
			return filepath.ToSlash(home + s[0][1:]), err
		}, "path"), "The path with the home folder for ~; it belongs into inputs, which are known by content."},
		"file": {text(func(s ...string) (string, error) { return m.readText(s[0]) }, "path"), "The text of a file."},
		"filebase64": {text(func(s ...string) (string, error) {
			b, err := m.read(s[0])
			return base64.StdEncoding.EncodeToString(b), err
		}, "path"), "The content of a file, in base64."},
		"fileexists": {texts(cty.Bool, func(s []string) (cty.Value, error) {
			info, err := os.Stat(under(m.dir, s[0]))
			return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
		}, "path"), "Whether there is such a file."},
		"fileset": {texts(cty.Set(cty.String), func(s []string) (cty.Value, error) {
			files, err := glob(under(m.dir, s[0]), s[1])
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			if len(files) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			values := make([]cty.Value, len(files))
			for i, f := range files {
				values[i] = cty.StringVal(f)
			}
			return cty.SetVal(values), nil
		}, "path", "pattern"), "The files in a folder whose names match a pattern; ** stands for folders."},
	}
	for name, h := range map[string]struct {
		new   func() hash.Hash
		write func([]byte) string
		doc   string
	}{
		"filebase64sha256": {sha256.New, base64Text, "The SHA-256 of a file, in base64."},
		"filebase64sha512": {sha512.New, base64Text, "The SHA-512 of a file, in base64."},
		"filemd5":          {md5.New, hex.EncodeToString, "The MD5 of a file, in hexadecimal."},
		"filesha1":         {sha1.New, hex.EncodeToString, "The SHA-1 of a file, in hexadecimal."},
		"filesha256":       {sha256.New, hex.EncodeToString, "The SHA-256 of a file, in hexadecimal."},
		"filesha512":       {sha512.New, hex.EncodeToString, "The SHA-512 of a file, in hexadecimal."},
	} {
		table[name] = described{text(func(s ...string) (string, error) {
			f, err := m.openFile(s[0])
			if err != nil {
				return "", err
			}
			defer f.Close()
			sum := h.new()
			_, err = io.Copy(sum, f)
			return h.write(sum.Sum(nil)), err
		}, "path"), h.doc}
	}
	return table
}

// openFile opens a regular file: a device or a pipe might never end.
func (m *module) openFile(path string) (*os.File, error) {
	full := under(m.dir, path)
	info, err := os.Stat(full)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return os.Open(full)
}

// read gives the content of a file that is small enough to be a value.
func (m *module) read(path string) ([]byte, error) {
	f, err := m.openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, largestText+1))
	if err == nil {
		err = checkText(len(b))
	}
	return b, err
}

func (m *module) readText(path string) (string, error) {
	b, err := m.read(path)
	if err == nil && !utf8.Valid(b) {
		err = fmt.Errorf("%s is not UTF-8 text; use filebase64", path)
	}
	return string(b), err
}

// under resolves a path that is relative to dir.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}
