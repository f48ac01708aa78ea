package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Client fetches for one user. It is for one goroutine.
type Client struct {
	Endpoint string // of the Hub, without a slash at its end
	Token    string // for the Hub, or ""; sent to Endpoint alone
	Cache    string // the folder of the download cache
	Progress func(done, total int64)
	Log      func(format string, args ...any)

	http  *http.Client
	stall time.Duration // how long a server may send nothing
	pause func(ctx context.Context, d time.Duration) error
}

// New makes a client of the environment: HF_ENDPOINT (a mirror of https://huggingface.co), HF_TOKEN, and the user's cache
// folder, which is XDG_CACHE_HOME, or .cache in HOME. It reports nothing.
func New() (*Client, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no place for downloads: %w: set XDG_CACHE_HOME to a folder", err)
	}
	c := &Client{
		Endpoint: strings.TrimSuffix(os.Getenv("HF_ENDPOINT"), "/"), Token: os.Getenv("HF_TOKEN"),
		Cache:    filepath.Join(dir, "pipe", "downloads"),
		Progress: func(int64, int64) {}, Log: func(string, ...any) {},
		stall: time.Minute, pause: pause,
	}
	if c.Endpoint == "" {
		c.Endpoint = "https://huggingface.co"
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("HF_ENDPOINT is %q, which is no address of a server: write https://HOST", c.Endpoint)
	}
	if c.Token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("HF_ENDPOINT is %q, to which HF_TOKEN would go unencrypted: write https://, or unset HF_TOKEN", c.Endpoint)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // digests and sizes are of the bytes as they are
	c.http = &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 10 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return fmt.Errorf("it leads on to %s", r.URL.Redacted())
		}
		return nil
	}}
	return c, nil
}

// loopback tells whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Record says what was fetched.
type Record struct {
	Source string       `json:"source"`           // the address, with the commit as its revision
	Commit string       `json:"commit,omitempty"` // of a repository
	Files  []FileRecord `json:"files"`            // sorted by path
}

// FileRecord is one file of a record.
type FileRecord struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
}

// Options say which files of a repository are meant (patterns of path.Match; none: what makes a network), and what a single file
// must hash to, which an https:// address needs.
type Options struct {
	Files  []string
	SHA256 string
}

// Fetch puts the files of an address into the folder dir.
func (c *Client) Fetch(ctx context.Context, a Address, o Options, dir string) (Record, error) {
	files, rec, err := c.list(ctx, a, o)
	if err != nil {
		return rec, fmt.Errorf("%s: %w", a, err)
	}
	var done, total int64
	for _, f := range files {
		total += max(0, f.Size)
	}
	for _, f := range files {
		progress := func(length, size int64) { c.Progress(done+length, max(total, size)) }
		if err := c.ensure(ctx, f, progress); err != nil {
			return rec, fmt.Errorf("%s: %s: %w", a, f.Path, err)
		}
		dst := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := c.place(f, dst); err != nil {
			return rec, fmt.Errorf("%s: %w", a, err)
		}
		info, err := os.Stat(dst)
		if err != nil {
			return rec, err
		}
		done += info.Size()
		rec.Files = append(rec.Files, FileRecord{f.Path, info.Size(), f.Digest.String()})
	}
	return rec, nil
}

// list finds out which files an address means.
func (c *Client) list(ctx context.Context, a Address, o Options) ([]file, Record, error) {
	if a.URL != "" {
		if err := CheckSHA256(o.SHA256); err != nil {
			return nil, Record{}, err
		}
		u, err := url.Parse(a.URL)
		if err != nil {
			return nil, Record{}, err
		}
		return []file{{Path: baseName(u), Size: -1, Digest: digest{"sha256", o.SHA256}, from: a, url: a.URL}}, Record{Source: a.URL}, nil
	}
	at := a.Revision
	if !a.Pinned() {
		var err error
		if at, err = c.resolve(ctx, a); err != nil {
			return nil, Record{}, err
		}
		c.Log("%s of %s is commit %s now; %s means the same for ever", a.Revision, a.Repo, at, a.At(at))
	}
	rec := Record{Source: a.At(at), Commit: at}
	all, err := c.tree(ctx, a, at)
	if err != nil {
		return nil, rec, err
	}
	files, err := choose(all, a, o.Files)
	if err != nil || o.SHA256 == "" {
		return files, rec, err
	}
	if len(files) != 1 {
		return nil, rec, fmt.Errorf("sha256 is of one file, and this is %d: %s", len(files), some(files))
	}
	if d := files[0].Digest; d.Algorithm == "sha256" && d.Hex != o.SHA256 {
		return nil, rec, fmt.Errorf("%s has the SHA-256 %s there, not %s", files[0].Path, d.Hex, o.SHA256)
	}
	files[0].Digest = digest{"sha256", o.SHA256}
	return files, rec, nil
}

// refusal is an error that another attempt will not mend.
type refusal struct{ err error }

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

func refuse(format string, args ...any) error { return &refusal{fmt.Errorf(format, args...)} }

// busyError is an answer that may be another one a moment later.
type busyError struct {
	status string
	after  time.Duration // as the server asks, or 0
}

func (e *busyError) Error() string { return "the server answers " + e.status }

// attempts is how often one thing is tried that does not get any further.
const attempts = 5

// again calls try until it ends well, is refused, or has failed attempts times without getting further.
func (c *Client) again(ctx context.Context, try func() (further bool, err error)) error {
	for failed := 0; ; {
		further, err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var no *refusal
		if errors.As(err, &no) {
			return err
		}
		if further {
			failed = 0
		}
		if failed++; failed == attempts {
			return givenUp(err)
		}
		wait := time.Second << (failed - 1) // 1, 2, 4, 8 s
		var busy *busyError
		if errors.As(err, &busy) {
			wait = max(wait, min(busy.after, 5*time.Minute))
		}
		hint := ""
		if failed == 1 && busy == nil {
			hint = "; " + offline
		}
		c.Log("%v: trying again in %v%s", err, wait, hint)
		if err := c.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// offline is what to do where there is no network.
const offline = "without a network, give the path of a folder with these files, or name a mirror of the Hub by HF_ENDPOINT"

// givenUp says what to do about an error that stays.
func givenUp(err error) error {
	var busy *busyError
	if errors.As(err, &busy) {
		return fmt.Errorf("tried %d times: %w: try later; what was fetched is kept", attempts, err)
	}
	return fmt.Errorf("tried %d times: %w: %s; what was fetched is kept", attempts, err, offline)
}
