package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/stages/fetch/fetchtest"
)

const repo = "timm/vit"

// weights are a large file of the Hub.
var weights = bytes.Repeat([]byte("0123456789abcdef"), 4096)

func files() map[string][]byte {
	return map[string][]byte{"config.json": []byte("{}"), "model.safetensors": weights, "pytorch_model.bin": weights[1:], "README.md": []byte("#")}
}

// hub starts one with a repository, and a client of it that never really waits.
func hub(t *testing.T) (h *fetchtest.Hub, c *Client, commit string, log *[]string) {
	t.Helper()
	h = fetchtest.Start()
	t.Cleanup(h.Close)
	commit = h.Push(repo, files())
	log = new([]string)
	return h, client(t, h.URL, log), commit, log
}

func client(t *testing.T, endpoint string, log *[]string) *Client {
	t.Helper()
	t.Setenv("HF_ENDPOINT", endpoint)
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(ctx context.Context, d time.Duration) error {
		*log = append(*log, "pause "+d.String())
		return context.Cause(ctx)
	}
	c.Log = func(format string, args ...any) { *log = append(*log, fmt.Sprintf(format, args...)) }
	return c
}

// get fetches an address into a new folder.
func get(t *testing.T, c *Client, address string, o Options) (dir string, rec Record, err error) {
	t.Helper()
	a, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	rec, err = c.Fetch(t.Context(), a, o, dir)
	return dir, rec, err
}

// holds says what a folder must hold.
func holds(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	got := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		got[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func network() map[string][]byte {
	return map[string][]byte{"config.json": []byte("{}"), "model.safetensors": weights}
}

func TestABranchIsResolvedToACommitAndACommitIsNot(t *testing.T) {
	h, c, commit, log := hub(t)
	var last, total int64
	c.Progress = func(done, all int64) { last, total = done, all }
	dir, rec, err := get(t, c, "hf://timm/vit", Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, network())
	want := Record{Source: "hf://timm/vit@" + commit, Commit: commit, Files: []FileRecord{
		{"config.json", 2, "git:9e26dfeeb6e641a33dae4961196235bdb965b21b"},
		{"model.safetensors", int64(len(weights)), fmt.Sprintf("sha256:%x", sha256.Sum256(weights))},
	}}
	if d := cmp.Diff(want, rec); d != "" {
		t.Error(d)
	}
	if last != total || total != int64(len(weights)+2) {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	if !strings.Contains((*log)[0], "main of timm/vit is commit "+commit) {
		t.Errorf("log %q", *log)
	}
	h.Misbehave(nil)
	dir, _, err = get(t, c, "hf://timm/vit@"+commit, Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, network())
	for _, s := range h.Seen() {
		if !strings.Contains(s, "/tree/") {
			t.Errorf("a cached commit asked for %s", s)
		}
	}
}

func TestWhatIsNotThereIsToldWithARemedy(t *testing.T) {
	h, c, commit, _ := hub(t)
	for address, want := range map[string]string{
		"hf://timm/vitt":                      "there is no timm/vitt, or it is private or gated",
		"hf://timm/vit@v9":                    "timm/vit has no revision v9",
		"hf://timm/vit@" + commit + "/x.json": "there is no x.json in it: it holds README.md, config.json, model.safetensors, pytorch_model.bin",
		"hf://timm/vit/pytorch_model.bin":     "python3 -c",
	} {
		if _, _, err := get(t, c, address, Options{}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
	}
	h.Close()
	if _, _, err := get(t, c, "hf://timm/vit", Options{}); err == nil || !strings.Contains(err.Error(), "without a network, give the path of a folder with these files, or name a mirror of the Hub by HF_ENDPOINT") {
		t.Errorf("offline: %v", err)
	}
}

func TestTheTokenGoesToTheHubAlone(t *testing.T) {
	h, c, _, _ := hub(t)
	h.Require("secret")
	if _, _, err := get(t, c, "hf://timm/vit", Options{}); err == nil || !strings.Contains(err.Error(), "set HF_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	c.Token = "wrong"
	if _, _, err := get(t, c, "hf://timm/vit", Options{}); err == nil || !strings.Contains(err.Error(), "the token in HF_TOKEN may not read timm/vit") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong token: %v", err)
	}
	c.Token = "secret"
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went to another host")
		}
		_, _ = w.Write(weights)
	}))
	defer elsewhere.Close()
	h.Misbehave(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.HasPrefix(r.URL.Path, "/cdn/") {
			return false
		}
		http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		return true
	})
	dir, _, err := get(t, c, "hf://timm/vit", Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, network())
}

func TestTheTokenIsNotSentUnencrypted(t *testing.T) {
	for _, c := range []struct {
		endpoint, token string
		refused         bool
	}{
		{"http://mirror.example", "secret", true}, {"http://10.0.0.1:80", "secret", true},
		{"http://mirror.example", "", false}, {"https://mirror.example", "secret", false},
		{"http://localhost:1", "secret", false}, {"http://127.0.0.1:1", "secret", false}, {"http://[::1]:1", "secret", false},
	} {
		t.Setenv("HF_ENDPOINT", c.endpoint)
		t.Setenv("HF_TOKEN", c.token)
		_, err := New()
		if refused := err != nil && strings.Contains(err.Error(), "HF_TOKEN would go unencrypted"); refused != c.refused || !c.refused && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestWhatIsNotSafeOnTheDiskIsNotKept(t *testing.T) {
	dir := t.TempDir()
	part, err := os.Create(filepath.Join(dir, "part"))
	if err != nil {
		t.Fatal(err)
	}
	if err := part.Close(); err != nil { // so that Sync fails
		t.Fatal(err)
	}
	if err := keep(part, filepath.Join(dir, "blob")); err == nil {
		t.Error("kept")
	}
	if _, err := os.Stat(filepath.Join(dir, "blob")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was moved: %v", err)
	}
}

func TestADamagedCacheIsMended(t *testing.T) {
	_, c, commit, log := hub(t)
	address := "hf://timm/vit@" + commit + "/model.safetensors"
	if _, _, err := get(t, c, address, Options{}); err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(c.Cache, "blobs", "sha256-*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("%v, %v", blobs, err)
	}
	if err := errors.Join(os.Remove(blobs[0]), os.WriteFile(blobs[0], []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	dir, _, err := get(t, c, address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string][]byte{"model.safetensors": weights})
	if !strings.Contains(strings.Join(*log, "\n"), "was damaged") {
		t.Errorf("log %q", *log)
	}
}

// Several clients at once share one download: those that come later wait.
func TestClientsAtOnceFetchAFileOnce(t *testing.T) {
	h, first, commit, _ := hub(t)
	a, err := Parse("hf://timm/vit@" + commit)
	if err != nil {
		t.Fatal(err)
	}
	const n = 4
	waiting := make(chan struct{}, 100*n)
	h.Misbehave(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.HasPrefix(r.URL.Path, "/cdn/") {
			for range n - 1 {
				<-waiting // until the others have found the claim taken
			}
		}
		return false
	})
	failed := make(chan error, n)
	for range n {
		c := *first
		c.Log = func(format string, _ ...any) {
			if strings.HasPrefix(format, "waiting") {
				waiting <- struct{}{}
			}
		}
		c.pause = pause
		dir := t.TempDir()
		go func() {
			_, err := c.Fetch(t.Context(), a, Options{Files: []string{"*.safetensors"}}, dir)
			if err == nil {
				var got []byte
				if got, err = os.ReadFile(filepath.Join(dir, "model.safetensors")); err == nil && !bytes.Equal(got, weights) {
					err = errors.New("wrong bytes")
				}
			}
			failed <- err
		}()
	}
	for range n {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	fetched := 0
	for _, s := range h.Seen() {
		if strings.HasPrefix(s, "/cdn/") {
			fetched++
		}
	}
	if fetched != 1 {
		t.Errorf("fetched %d times", fetched)
	}
}

func TestAnInterruptedFetchEndsAtOnce(t *testing.T) {
	h, c, _, _ := hub(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	h.Misbehave(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.HasPrefix(r.URL.Path, "/cdn/") {
			return false
		}
		cancel(stop)
		<-r.Context().Done()
		return true
	})
	if _, err := c.Fetch(ctx, Address{Repo: repo, Revision: "main", text: "x"}, Options{}, t.TempDir()); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestAnHTTPSFileIsFetchedByItsDigest(t *testing.T) {
	var fail func(w http.ResponseWriter, r *http.Request) bool
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail == nil || !fail(w, r) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(weights))
		}
	}))
	defer s.Close()
	c := client(t, "https://huggingface.co", new([]string))
	c.http.Transport = s.Client().Transport
	sum := fmt.Sprintf("%x", sha256.Sum256(weights))
	first := true
	fail = func(w http.ResponseWriter, _ *http.Request) bool {
		if !first {
			return false
		}
		first = false
		_, _ = w.Write(weights[:3000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	dir, rec, err := get(t, c, s.URL+"/a/resnet50.safetensors?x=1", Options{SHA256: sum})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string][]byte{"resnet50.safetensors": weights})
	if rec.Files[0].Digest != "sha256:"+sum || rec.Commit != "" {
		t.Errorf("%+v", rec)
	}
	if _, _, err := get(t, c, s.URL+"/b.safetensors", Options{SHA256: strings.Repeat("0", 64)}); err == nil || !strings.Contains(err.Error(), sum) {
		t.Errorf("a wrong digest: %v", err)
	}
	if _, _, err := get(t, c, s.URL+"/b.safetensors", Options{}); err == nil || !strings.Contains(err.Error(), "is no SHA-256") {
		t.Errorf("no digest: %v", err)
	}
	fail = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		return true
	}
	if _, _, err := get(t, c, s.URL+"/b.safetensors", Options{SHA256: strings.Repeat("0", 64)}); err == nil || !strings.Contains(err.Error(), "leads on to http://") {
		t.Errorf("a redirect to plain HTTP: %v", err)
	}
}
