package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// maxListing bounds one answer of the Hub.
const maxListing = 64 << 20

// resolve asks which commit a revision is.
func (c *Client) resolve(ctx context.Context, a Address) (string, error) {
	var info struct {
		SHA string `json:"sha"`
	}
	if _, err := c.ask(ctx, a, c.Endpoint+"/api/models/"+a.Repo+"/revision/"+escapedRevision(a.Revision), &info); err != nil {
		return "", err
	}
	if !commit.MatchString(info.SHA) {
		return "", fmt.Errorf("the Hub says that %s is commit %q, which is none", a.Revision, info.SHA)
	}
	return info.SHA, nil
}

// entry is one of a repository's tree (huggingface_hub's list_repo_tree).
type entry struct {
	Type string `json:"type"` // "file" or "directory"
	OID  string `json:"oid"`
	Size int64  `json:"size"`
	Path string `json:"path"`
	LFS  *struct {
		OID  string `json:"oid"`
		Size int64  `json:"size"`
	} `json:"lfs"`
}

var (
	sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sha1Hex   = commit
)

// file checks what the Hub says of a file.
func (e entry) file() (file, error) {
	f := file{Path: e.Path, Size: e.Size, Digest: digest{"git", e.OID}}
	pattern := sha1Hex
	if e.LFS != nil {
		f.Size, f.Digest, pattern = e.LFS.Size, digest{"sha256", e.LFS.OID}, sha256Hex
	}
	if !local(f.Path) || f.Size < 0 || !pattern.MatchString(f.Digest.Hex) {
		return f, fmt.Errorf("the Hub lists %q of %d bytes with digest %q, which cannot be", f.Path, f.Size, f.Digest.Hex)
	}
	return f, nil
}

// tree lists all files of a repository at a commit, sorted by path.
func (c *Client) tree(ctx context.Context, a Address, commit string) ([]file, error) {
	var files []file
	seen := map[string]bool{}
	next := c.Endpoint + "/api/models/" + a.Repo + "/tree/" + escapedRevision(commit) + "?recursive=true"
	for pages := 0; next != ""; pages++ {
		if pages == 1000 {
			return nil, errors.New("the Hub's list of files has no end")
		}
		var page []entry
		var err error
		if next, err = c.ask(ctx, a, next, &page); err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.Type != "file" {
				continue
			}
			f, err := e.file()
			if err != nil {
				return nil, err
			}
			if seen[f.Path] {
				return nil, fmt.Errorf("the Hub lists %s twice", f.Path)
			}
			seen[f.Path] = true
			f.from, f.url = a, c.Endpoint+"/"+a.Repo+"/resolve/"+commit+"/"+escaped(f.Path)
			files = append(files, f)
		}
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	return files, nil
}

// escapedRevision writes a revision as one part of a path.
func escapedRevision(revision string) string {
	return strings.ReplaceAll(escaped(revision), "/", "%2F")
}

// ask gets a JSON value of the Hub, and the address of the next page or "".
func (c *Client) ask(ctx context.Context, a Address, from string, value any) (next string, err error) {
	err = c.again(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, c.stall, errStalled)
		defer cancel()
		resp, err := c.send(ctx, from, 0)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		if err := c.verdict(a, resp); err != nil {
			return false, err
		}
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxListing))
		if err != nil {
			return false, err
		}
		if err := json.Unmarshal(raw, value); err != nil {
			return false, refuse("%s sends no answer of the Hub's (%w): is HF_ENDPOINT right?", resp.Request.URL.Redacted(), err)
		}
		next = nextPage(resp.Header.Get("Link"))
		return false, nil
	})
	if err == nil && next != "" && !strings.HasPrefix(next, c.Endpoint+"/") {
		return "", fmt.Errorf("the Hub's list goes on elsewhere, at %s", next)
	}
	return next, err
}

// nextPage finds <URL>; rel="next" in a Link header.
func nextPage(link string) string {
	for part := range strings.SplitSeq(link, ",") {
		target, attributes, _ := strings.Cut(strings.TrimSpace(part), ">")
		if strings.Contains(attributes, `rel="next"`) {
			return strings.TrimPrefix(target, "<")
		}
	}
	return ""
}

// send asks for a URL, from a byte on.
func (c *Client) send(ctx context.Context, link string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, &refusal{err}
	}
	req.Header.Set("User-Agent", "pipe")
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	if c.Token != "" && strings.HasPrefix(link, c.Endpoint+"/") {
		req.Header.Set("Authorization", "Bearer "+c.Token) // which net/http takes off where a redirect leaves the host
	}
	resp, err := c.http.Do(req)
	var failed *url.Error
	switch {
	case err == nil:
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case errors.As(err, &failed):
		err = fmt.Errorf("%s: %w", req.URL.Host, failed.Err) // its own message holds the signed address that the Hub leads to
	}
	return resp, err
}

// verdict turns an answer without content into an error that says what to do.
func (c *Client) verdict(a Address, resp *http.Response) error {
	code := resp.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	if code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout {
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &busyError{resp.Status, time.Duration(after) * time.Second}
	}
	if a.Repo == "" {
		return refuse("the server answers %s", resp.Status)
	}
	page := c.Endpoint + "/" + a.Repo
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		if c.Token == "" {
			return refuse("the Hub answers %s: there is no %s, or it is private or gated: check the name, accept the terms at %s if it has any, and set HF_TOKEN to a token that may read it", resp.Status, a.Repo, page)
		}
		return refuse("the Hub answers %s: the token in HF_TOKEN may not read %s, or there is none: check the name, and accept the terms at %s if it has any", resp.Status, a.Repo, page)
	case resp.Header.Get("X-Error-Code") == "RevisionNotFound":
		return refuse("%s has no revision %s: see %s/commits", a.Repo, a.Revision, page)
	case code == http.StatusNotFound:
		return refuse("the Hub answers %s: there is no %s at revision %s: check the name at %s", resp.Status, a.Repo, a.Revision, page)
	}
	return refuse("the Hub answers %s", resp.Status)
}
