package fetch

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/stages/fetch/fetchtest"
)

func TestADownloadGoesOnWhereItWasCutOff(t *testing.T) {
	h, c, _, log := hub(t)
	half := len(weights) / 2
	// Twice a part more and then the connection ends.
	h.Misbehave(func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasPrefix(r.URL.Path, "/cdn/") || n > 1 {
			return false
		}
		from := n * half
		if n > 0 {
			if want := fmt.Sprintf("bytes=%d-", from); r.Header.Get("Range") != want {
				t.Errorf("range %q, want %q", r.Header.Get("Range"), want)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(weights)-1, len(weights)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(weights[from : from+100])
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
			_, _ = w.Write(weights[:half])
		}
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	dir, _, err := get(t, c, "hf://timm/vit", Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, network())
	if want := fmt.Sprintf("model.safetensors: going on at %d bytes", half+100); !slices.Contains(*log, want) {
		t.Errorf("no %q in %q", want, *log)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Cache, "partial", "*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// Every way in which a server can be wrong ends with the right file or with an error that says what to do.
func TestServersThatMisbehave(t *testing.T) {
	cdn := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/cdn/") }
	abort := func(w http.ResponseWriter, content []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
		_, _ = w.Write(content)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	other := bytes.Repeat([]byte("x"), len(weights))
	for name, c := range map[string]struct {
		bad  fetchtest.Misbehaviour
		want string // part of the error; "": none
		log  string // part of a line
	}{
		"ignores the range": {bad: func(w http.ResponseWriter, r *http.Request, n int) bool {
			if cdn(r) && n == 0 {
				abort(w, weights[:500])
			}
			r.Header.Del("Range")
			return false
		}},
		"has another file after the break": {bad: func(w http.ResponseWriter, r *http.Request, n int) bool {
			if cdn(r) && n == 0 {
				w.Header().Set("ETag", `"old"`)
				abort(w, other[:500])
			}
			return false
		}, log: "what came has digest"},
		"has another file for good": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if cdn(r) {
				_, _ = w.Write(other)
			}
			return cdn(r)
		}, want: "and it should be sha256:"},
		"lists another size": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if cdn(r) {
				_, _ = w.Write(weights[:100])
			}
			return cdn(r)
		}, want: "the server sends 100 bytes, and lists the file with 65536"},
		"sends too much": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if cdn(r) {
				w.(http.Flusher).Flush() // no length
				_, _ = w.Write(append(other, 'x'))
			}
			return cdn(r)
		}, want: "more than the 65536 bytes that it lists"},
		"sends another part": {bad: func(w http.ResponseWriter, r *http.Request, n int) bool {
			if cdn(r) && n == 0 {
				abort(w, weights[:500])
			}
			if cdn(r) && n == 1 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 400-%d/%d", len(weights)-1, len(weights)))
				w.WriteHeader(http.StatusPartialContent)
				return true
			}
			return false
		}, log: "asked for what follows byte 500"},
		"never gets anywhere": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if cdn(r) {
				abort(w, nil)
			}
			return false
		}, want: "tried 5 times"},
		"is busy": {bad: func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n < 2 {
				w.Header().Set("Retry-After", "7")
				http.Error(w, "slow down", []int{http.StatusTooManyRequests, http.StatusInternalServerError}[n])
			}
			return n < 2
		}, log: "pause 7s"},
		"is broken": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Error(w, "no", http.StatusInternalServerError)
			return true
		}, want: "tried 5 times: the server answers 500 Internal Server Error: try later"},
		"forbids": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}, want: "accept the terms at"},
		"is no Hub": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			_, _ = io.WriteString(w, "<html>")
			return true
		}, want: "is HF_ENDPOINT right?"},
		"leads out of the folder": {bad: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if strings.Contains(r.URL.Path, "/tree/") {
				_, _ = io.WriteString(w, `[{"type":"file","path":"../x.json","size":2,"oid":"9e26dfeeb6e641a33dae4961196235bdb965b21b"}]`)
			}
			return strings.Contains(r.URL.Path, "/tree/")
		}, want: "which cannot be"},
	} {
		t.Run(name, func(t *testing.T) {
			h, cl, _, log := hub(t)
			h.Misbehave(c.bad)
			dir, _, err := get(t, cl, "hf://timm/vit", Options{})
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				holds(t, dir, network())
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("error %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "Signature") {
				t.Errorf("the error shows a signed address: %v", err)
			}
			if !strings.Contains(strings.Join(*log, "\n"), c.log) {
				t.Errorf("no %q in %q", c.log, *log)
			}
		})
	}
}

func TestASilentServerIsAskedAgain(t *testing.T) {
	h, c, _, _ := hub(t)
	c.stall = 500 * time.Millisecond
	h.Misbehave(func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n > 0 || !strings.HasPrefix(r.URL.Path, "/cdn/") {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
		_, _ = w.Write(weights[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	dir, _, err := get(t, c, "hf://timm/vit", Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, network())
}
