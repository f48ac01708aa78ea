package fetch

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Address is where published files are.
type Address struct {
	Repo     string // OWNER/NAME on the Hub; "" for an https:// address
	Revision string // a commit, branch or tag
	Path     string // in the repository; "": all of it
	URL      string // of an https:// address

	text string
}

func (a Address) String() string { return a.text }

var (
	repoName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)
	commit   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// mainBranch is the revision of an address that names none.
const mainBranch = "main"

// Parse reads an address.
func Parse(text string) (Address, error) {
	a := Address{text: text}
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case ok && scheme == "https":
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || baseName(u) == "" {
			return a, fmt.Errorf("%q is no address of a file: write https://HOST/PATH/FILE", text)
		}
		a.URL = text
		return a, nil
	case !ok || scheme != "hf":
		return a, fmt.Errorf("%q is no address of published files: write hf://OWNER/NAME@REVISION/PATH or https://HOST/PATH", text)
	}
	parts := strings.SplitN(strings.TrimSuffix(rest, "/"), "/", 3)
	if len(parts) < 2 {
		return a, fmt.Errorf("%q names no repository: write hf://OWNER/NAME@REVISION/PATH", text)
	}
	if parts[0] == "datasets" || parts[0] == "spaces" {
		return a, fmt.Errorf("%q is none of the Hub's models, which are all that is fetched: download it, and give its path", text)
	}
	name, revision, given := strings.Cut(parts[1], "@")
	a.Repo, a.Revision = parts[0]+"/"+name, mainBranch
	if given {
		unescaped, err := url.PathUnescape(revision)
		if err != nil || unescaped == "" || strings.ContainsAny(unescaped, " \t\n?#\\") {
			return a, fmt.Errorf("%q: %q is no revision: write a commit, a branch or a tag, with %%2F for a /", text, revision)
		}
		a.Revision = unescaped
	}
	if !repoName.MatchString(a.Repo) {
		return a, fmt.Errorf("%q: %q is no repository: write hf://OWNER/NAME@REVISION/PATH", text, a.Repo)
	}
	if len(parts) == 3 {
		a.Path = parts[2]
		if !local(a.Path) {
			return a, fmt.Errorf("%q: %q is no path in a repository", text, a.Path)
		}
	}
	return a, nil
}

// Pinned tells whether the address means the same files for ever.
func (a Address) Pinned() bool { return a.URL != "" || commit.MatchString(a.Revision) }

// At is the address with its revision pinned to a commit.
func (a Address) At(commit string) string {
	text := "hf://" + a.Repo + "@" + commit
	if a.Path != "" {
		text += "/" + a.Path
	}
	return text
}

// CheckSHA256 refuses what is no SHA-256 in hexadecimal.
func CheckSHA256(text string) error {
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != 32 || text != strings.ToLower(text) {
		return fmt.Errorf("%q is no SHA-256: write its 64 digits in lower case", text)
	}
	return nil
}

// local tells whether a slash path leads to a file below a folder, on every system.
func local(name string) bool {
	return name != "" && name != "." && path.Clean(name) == name && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") &&
		!strings.ContainsAny(name, "\\:\x00")
}

func baseName(u *url.URL) string {
	if base := path.Base(u.Path); local(base) && base != "/" {
		return base
	}
	return ""
}

// escaped makes a slash path part of a URL.
func escaped(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
