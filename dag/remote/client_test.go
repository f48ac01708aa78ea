package remote_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag/remote"
	"github.com/pipe-ml/pipe/dag/remote/remotetest"
)

const key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func name(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func open(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// start gives a server and a client of it that waits for nothing long.
func start(t *testing.T, token string) (*remotetest.Server, *remote.Client) {
	t.Helper()
	s := remotetest.Start()
	t.Cleanup(s.Close)
	c := remote.New(remote.Config{URL: s.URL + "/", TokenEnv: "TOKEN"}, token)
	c.Pause = time.Millisecond
	return s, c
}

// get reads a blob as the store does: only what came to its end counts.
func get(c *remote.Client, hash string, size int64) (string, error) {
	text := ""
	err := c.Blob(context.Background(), hash, size, func(body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err == nil {
			text = string(raw)
		}
		return err
	})
	return text, err
}

func TestBlobsAndRecordsComeBackAsTheyWere(t *testing.T) {
	s, c := start(t, "")
	ctx := context.Background()
	for _, text := range []string{"", "x", strings.Repeat("0123456789", 100_000)} {
		for range 2 {
			if err := c.PutBlob(ctx, name(text), int64(len(text)), false, open(text)); err != nil {
				t.Fatal(err)
			}
		}
		for _, size := range []int64{int64(len(text)), -1} {
			if got, err := get(c, name(text), size); got != text || err != nil {
				t.Errorf("%d bytes came back as %d, %v", len(text), len(got), err)
			}
		}
	}
	if n := s.Requests("PUT", "/cas/", 200); n != 3 {
		t.Errorf("%d blobs were sent, want each once", n)
	}
	files := []remote.File{{Path: "outputs/out", Hash: name("x"), Size: 1}}
	if err := c.PutRecord(ctx, key, []byte("text\x00"), files); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Record(ctx, key); string(got) != "text\x00" || err != nil {
		t.Errorf("the record came back as %q, %v", got, err)
	}
}

func TestWhatIsNotThereIsAbsent(t *testing.T) {
	s, c := start(t, "")
	if _, err := get(c, name("x"), 1); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("blob: %v", err)
	}
	if _, err := c.Record(context.Background(), key); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("record: %v", err)
	}
	// A record whose file is gone is hidden by the server; what is no record is none.
	if err := c.PutRecord(context.Background(), key, nil, []remote.File{{Path: "a", Hash: name("x"), Size: 1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Record(context.Background(), key); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("dangling record: %v", err)
	}
	s.Misbehave(remotetest.Blind)
	s.Keep("/ac/"+key, []byte("<html>"))
	if _, err := c.Record(context.Background(), key); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("no record: %v", err)
	}
}

func TestWrongBytesAreNeverTakenNorGiven(t *testing.T) {
	s, c := start(t, "")
	s.Keep("/cas/"+name("right"), []byte("wrong"))
	s.Keep("/cas/"+name("short"), []byte("short and more"))
	for _, text := range []string{"right", "short"} {
		for _, size := range []int64{5, -1} {
			var corrupt *remote.CorruptError
			if got, err := get(c, name(text), size); got != "" || !errors.As(err, &corrupt) {
				t.Errorf("%s: got %q, %v", text, got, err)
			}
		}
	}
	s.Forget()
	var corrupt *remote.CorruptError
	err := c.PutBlob(context.Background(), name("right"), 5, true, open("wrong"))
	if !errors.As(err, &corrupt) || s.Requests("PUT", "/cas/", 200) > 0 {
		t.Errorf("a wrong blob was sent: %v", err)
	}
	s.Keep("/cas/"+name("x"), []byte("x"))
	if got, err := get(c, name("x"), 1); got != "x" || err != nil { // and none of it is the server's fault
		t.Errorf("then: %q, %v", got, err)
	}
}

func TestTheLastByteIsKeptBackUntilAllAreRight(t *testing.T) {
	s, c := start(t, "")
	s.Keep("/cas/"+name("right"), []byte("wrong"))
	var seen bytes.Buffer
	_ = c.Blob(context.Background(), name("right"), 5, func(body io.Reader) error {
		_, err := io.Copy(&seen, body)
		return err
	})
	if seen.Len() == 5 {
		t.Error("all bytes of a wrong blob were given out")
	}
}

// Each fault is tried as often as it may pass, then told of, and once the server is down nothing is sent any more.
func TestFaults(t *testing.T) {
	tests := map[string]struct {
		fault    remotetest.Fault
		token    string
		attempts int // that the server sees of two calls
		down     bool
		says     string
	}{
		"failing":   {remotetest.Failing, "right", 6, false, "it answers 500"},
		"silent":    {remotetest.Silent, "right", 1, true, "it does not answer"},
		"truncated": {remotetest.Truncated, "right", 3, true, "unexpected EOF"},
		"refused":   {remotetest.None, "wrong", 1, true, "is the token in TOKEN right?"},
		"none":      {remotetest.None, "right", 2, false, ""},
	}
	for name1, tt := range tests {
		t.Run(name1, func(t *testing.T) {
			s, c := start(t, tt.token)
			c.Silence = time.Minute
			if tt.fault == remotetest.Silent {
				c.Silence = 50 * time.Millisecond
			}
			s.Require("Bearer right")
			s.Keep("/cas/"+name("text"), []byte("text"))
			s.Misbehave(tt.fault)
			var err error
			for range 2 {
				_, err = get(c, name("text"), 4)
			}
			var down *remote.DownError
			if errors.As(err, &down) != tt.down || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), tt.token) {
				t.Errorf("the error tells the token: %v", err)
			}
			s.Misbehave(remotetest.None)
			n := 0
			for _, code := range []int{0, http.StatusOK, http.StatusUnauthorized, http.StatusInternalServerError} {
				n += s.Requests("GET", "/cas/", code)
			}
			if tt.fault != remotetest.Silent && n != tt.attempts { // a silent one notices later that nobody waits
				t.Errorf("%d attempts, want %d", n, tt.attempts)
			}
		})
	}
}

func TestAServerThatFailsAgainAndAgainIsDown(t *testing.T) {
	s, c := start(t, "")
	s.Misbehave(remotetest.Failing)
	var err error
	for range 3 {
		_, err = c.Record(context.Background(), key)
	}
	var down *remote.DownError
	if !errors.As(err, &down) {
		t.Errorf("after three: %v", err)
	}
	s.Misbehave(remotetest.None)
	s.Forget()
	if _, err := c.Record(context.Background(), key); !errors.As(err, &down) || s.Requests("GET", "", 404) > 0 {
		t.Errorf("it was asked again: %v", err)
	}
	c.Rest = 0 // over
	if _, err := c.Record(context.Background(), key); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("after its rest: %v", err)
	}
	s.Close()
	out := remote.New(remote.Config{URL: s.URL}, "")
	out.Pause = time.Millisecond
	if _, err := out.Record(context.Background(), key); !errors.As(err, &down) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("out of reach: %v", err)
	}
}

func TestTokensAreBearersOrPasswords(t *testing.T) {
	for token, want := range map[string]string{"abc": "Bearer abc", "me:secret": "Basic bWU6c2VjcmV0"} {
		s, c := start(t, token)
		s.Require(want)
		if _, err := c.Record(context.Background(), key); !errors.Is(err, remote.ErrAbsent) {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestFailuresOfThisSideAreNotTheServers(t *testing.T) {
	s, c := start(t, "")
	s.Keep("/cas/"+name("text"), []byte("text"))
	full := errors.New("disk full")
	for range 5 {
		err := c.Blob(context.Background(), name("text"), 4, func(io.Reader) error { return full })
		var local *remote.LocalError
		if !errors.Is(err, full) || !errors.As(err, &local) {
			t.Fatalf("writing: %v", err)
		}
		err = c.PutBlob(context.Background(), name("gone"), 4, false, func() (io.ReadCloser, error) { return nil, full })
		if !errors.Is(err, full) || !errors.As(err, &local) {
			t.Fatalf("reading: %v", err)
		}
	}
	if n := s.Requests("GET", "/cas/", 200); n != 5 {
		t.Errorf("%d requests: it was tried again", n)
	}
}

func TestACancelledCallEnds(t *testing.T) {
	s, c := start(t, "")
	s.Misbehave(remotetest.Silent)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Record(ctx, key); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	s.Misbehave(remotetest.None)
	if _, err := c.Record(context.Background(), key); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("then: %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://cache:8080/sub": "", "https://cache.example.org": "",
		"https://me:hush@cache.example.org": "it holds a password", "cache.example.org": "is no address",
		"ftp://cache": "is no address", "https://": "is no address", "http://a/?b": "behind its path",
		"http://me:hush@a b": "it is no URL",
	} {
		err := remote.CheckURL(text)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
