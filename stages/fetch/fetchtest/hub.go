// Package fetchtest is a Hugging Face Hub for tests, as far as package fetch asks one: revisions, trees in pages, and files,
// the large ones behind a redirect as on the real one. It can be told to misbehave.
package fetchtest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Hub is one server on 127.0.0.1. See Start.
type Hub struct {
	URL string

	http *httptest.Server
	mu   sync.Mutex
	repo map[string]map[string][]byte // "OWNER/NAME@COMMIT" -> path -> bytes
	main map[string]string            // repository -> commit
	want string                       // token that it asks for
	bad  Misbehaviour
	seen []string // "/PATH RANGE" of every request, without query
}

// Misbehaviour answers a request instead of the Hub, and tells whether it did. n counts the requests for the same path
// before this one.
type Misbehaviour func(w http.ResponseWriter, r *http.Request, n int) bool

// Start starts a Hub without repositories.
func Start() *Hub {
	h := &Hub{repo: map[string]map[string][]byte{}, main: map[string]string{}}
	h.http = httptest.NewServer(h)
	h.URL = h.http.URL
	return h
}

// Close ends it.
func (h *Hub) Close() {
	h.http.CloseClientConnections()
	h.http.Close()
}

// Push makes files the new commit of a repository's main branch, and returns its name.
func (h *Hub) Push(repo string, files map[string][]byte) string {
	sum := sha1.New()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %x\n", path, sha256.Sum256(files[path]))
	}
	commit := hex.EncodeToString(sum.Sum(nil))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repo[repo+"@"+commit] = files
	h.main[repo] = commit
	return commit
}

// Require refuses requests to the Hub itself that do not bring a token.
func (h *Hub) Require(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.want = token
}

// Misbehave makes it misbehave from now on.
func (h *Hub) Misbehave(f Misbehaviour) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bad, h.seen = f, nil
}

// Seen lists the requests since it last was told how to behave: "/PATH", and the range if one is asked for.
func (h *Hub) Seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen)
}

// large tells whether a file is one that the Hub keeps elsewhere, by its SHA-256.
func large(content []byte) bool { return len(content) >= 100 }

func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	n := 0
	for _, s := range h.seen {
		if path, _, _ := strings.Cut(s, " "); path == r.URL.Path {
			n++
		}
	}
	h.seen = append(h.seen, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	bad, want := h.bad, h.want
	h.mu.Unlock()
	if bad != nil && bad(w, r, n) {
		return
	}
	if cdn, ok := strings.CutPrefix(r.URL.Path, "/cdn/"); ok {
		h.blob(w, r, cdn)
		return
	}
	if want != "" && r.Header.Get("Authorization") != "Bearer "+want {
		refuse(w, http.StatusUnauthorized, "GatedRepo")
		return
	}
	// /api/models/OWNER/NAME/revision/REV, /api/models/OWNER/NAME/tree/REV, /OWNER/NAME/resolve/REV/PATH
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/api/models"), "/", 6)
	if len(parts) < 5 {
		refuse(w, http.StatusNotFound, "RepoNotFound")
		return
	}
	repo, verb, revision := parts[1]+"/"+parts[2], parts[3], parts[4]
	h.mu.Lock()
	head, known := h.main[repo]
	if revision == "main" {
		revision = head
	}
	files, found := h.repo[repo+"@"+revision]
	h.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusUnauthorized, "RepoNotFound")
	case !found:
		refuse(w, http.StatusNotFound, "RevisionNotFound")
	case verb == "revision":
		answer(w, map[string]any{"id": repo, "sha": revision})
	case verb == "tree":
		h.tree(w, r, files)
	case verb == "resolve" && len(parts) == 6:
		content, ok := files[parts[5]]
		switch {
		case !ok:
			refuse(w, http.StatusNotFound, "EntryNotFound")
		case large(content):
			http.Redirect(w, r, fmt.Sprintf("%s/cdn/%x?Signature=secret", h.URL, sha256.Sum256(content)), http.StatusFound)
		default:
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}
	default:
		refuse(w, http.StatusNotFound, "")
	}
}

// tree lists two files a page.
func (h *Hub) tree(w http.ResponseWriter, r *http.Request, files map[string][]byte) {
	paths := slices.Sorted(maps.Keys(files))
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	to := min(from+2, len(paths))
	page := []map[string]any{}
	for _, path := range paths[from:to] {
		content := files[path]
		e := map[string]any{"type": "file", "path": path, "size": len(content), "oid": gitName(content)}
		if large(content) {
			e["lfs"] = map[string]any{"oid": fmt.Sprintf("%x", sha256.Sum256(content)), "size": len(content), "pointerSize": 130}
		}
		page = append(page, e)
	}
	if to < len(paths) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?recursive=true&cursor=%d>; rel="next"`, h.URL, r.URL.EscapedPath(), to))
	}
	answer(w, page)
}

// blob serves a file by its SHA-256. A token must not get here.
func (h *Hub) blob(w http.ResponseWriter, r *http.Request, sum string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, files := range h.repo {
		for _, content := range files {
			if fmt.Sprintf("%x", sha256.Sum256(content)) == sum {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
				return
			}
		}
	}
	http.NotFound(w, r)
}

func gitName(content []byte) string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content)))
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	http.Error(w, code, status)
}
