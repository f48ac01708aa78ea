// Package remotetest is a server of Bazel's HTTP cache protocol for tests. It does what bazel-remote was seen to do: it
// refuses a blob with a wrong hash, and a record that is no ActionResult; it keeps a record whose files are not there, and
// does not give it out. It can also be told to misbehave.
package remotetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Server is one server on 127.0.0.1. The zero value is not one: see Start.
type Server struct {
	URL string

	http *httptest.Server
	mu   sync.Mutex
	kept map[string][]byte // by path: /cas/HASH, /ac/KEY
	seen []string          // METHOD /PATH CODE, of every request
	want string            // the Authorization header
	bad  Fault
	hold chan struct{} // closed when it is no longer Holding
}

// Fault says how a server misbehaves.
type Fault string

// The faults.
const (
	None      Fault = ""
	Failing   Fault = "failing"   // it answers 500
	Silent    Fault = "silent"    // it does not answer
	Holding   Fault = "holding"   // it answers what it is sent (PUT) when it does something else
	Truncated Fault = "truncated" // it ends a blob in the middle
	Wrong     Fault = "wrong"     // one byte of each blob is another one
	Full      Fault = "full"      // it has no room for blobs
	Blind     Fault = "blind"     // it looks into no record, as a plain web server
)

// Start starts a server.
func Start() *Server {
	s := &Server{kept: map[string][]byte{}}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s
}

// Close ends it.
func (s *Server) Close() {
	s.http.CloseClientConnections() // a silent one would wait for its clients
	s.http.Close()
}

// Misbehave makes it misbehave from now on.
func (s *Server) Misbehave(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad == Holding {
		close(s.hold)
	}
	if s.bad = f; f == Holding {
		s.hold = make(chan struct{})
	}
}

// Require refuses requests whose Authorization header is another one.
func (s *Server) Require(authorization string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = authorization
}

// Requests are how many requests of a method to paths that begin so were answered with this code.
func (s *Server) Requests(method, prefix string, code int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, line := range s.seen {
		if strings.HasPrefix(line, method+" "+prefix) && strings.HasSuffix(line, " "+strconv.Itoa(code)) {
			n++
		}
	}
	return n
}

// Forget makes it forget which requests there were.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// Paths lists what it keeps below a path, sorted.
func (s *Server) Paths(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for p := range s.kept {
		if strings.HasPrefix(p, prefix) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// Content is what it keeps at a path.
func (s *Server) Content(path string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[path]
}

// Keep puts something at a path, whatever it is. nil removes it.
func (s *Server) Keep(path string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[path] = content; content == nil {
		delete(s.kept, path)
	}
}

var pattern = regexp.MustCompile("^/(ac|cas)/([a-f0-9]{64})$")

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	bad, want, hold := s.bad, s.want, s.hold
	s.mu.Unlock()
	if bad == Holding && r.Method == http.MethodPut {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	var code int
	var text []byte
	switch {
	case err != nil || int64(len(body)) != r.ContentLength && r.Method == http.MethodPut:
		code = http.StatusBadRequest
	case bad == Silent:
		<-r.Context().Done()
		code = 0
	case want != "" && r.Header.Get("Authorization") != want:
		code = http.StatusUnauthorized
	case bad == Failing:
		code = http.StatusInternalServerError
	default:
		code, text = s.answer(r, body, bad)
	}
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, code))
	s.mu.Unlock()
	switch {
	case code == 0:
		return
	case code != http.StatusOK:
		http.Error(w, http.StatusText(code), code)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if blob := path.Dir(r.URL.Path) == "/cas" && r.Method == http.MethodGet; blob && len(text) > 0 {
		switch bad {
		case Truncated:
			text = text[:len(text)/2]
		case Wrong:
			text = slices.Clone(text)
			text[len(text)/2] ^= 1
		}
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(text)
	}
}

// answer does what is asked.
func (s *Server) answer(r *http.Request, body []byte, bad Fault) (code int, text []byte) {
	m := pattern.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return http.StatusBadRequest, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		if m[1] == "cas" && hash(body) != m[2] {
			return http.StatusInternalServerError, nil
		}
		if m[1] == "ac" && bad != Blind {
			if _, err := files(body); err != nil || r.Header.Get("Content-Type") != "application/json" {
				return http.StatusBadRequest, nil
			}
		}
		if m[1] == "cas" && bad == Full {
			return http.StatusInsufficientStorage, nil
		}
		s.kept[r.URL.Path] = body
		return http.StatusOK, nil
	case http.MethodGet, http.MethodHead:
		text, ok := s.kept[r.URL.Path]
		if !ok {
			return http.StatusNotFound, nil
		}
		if m[1] == "ac" && bad != Blind {
			list, err := files(text)
			if err != nil {
				return http.StatusNotFound, nil
			}
			for _, f := range list {
				if _, ok := s.kept["/cas/"+f]; !ok {
					return http.StatusNotFound, nil
				}
			}
		}
		return http.StatusOK, text
	}
	return http.StatusMethodNotAllowed, nil
}

// files lists the hashes that an ActionResult names. Only fields that one has may be there.
func files(raw []byte) ([]string, error) {
	var result struct {
		OutputFiles []struct {
			Path   string
			Digest struct {
				Hash      string
				SizeBytes string
			}
		}
		StdoutRaw []byte
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&result); err != nil {
		return nil, err
	}
	var list []string
	for _, f := range result.OutputFiles {
		size, err := strconv.ParseInt(f.Digest.SizeBytes, 10, 64)
		if err != nil || size < 0 || f.Path == "" || path.IsAbs(f.Path) || len(f.Digest.Hash) != 64 {
			return nil, fmt.Errorf("file %q", f.Path)
		}
		list = append(list, f.Digest.Hash)
	}
	return list, nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
