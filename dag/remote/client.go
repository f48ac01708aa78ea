package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Parallel is how many requests one client has under way at most.
const Parallel = 16

const (
	attempts    = 3 // at one request
	mostFailing = 3 // requests one after the other, until the server is taken to be down
)

// ErrAbsent says that the cache does not have something.
var ErrAbsent = errors.New("it is not in the remote cache")

// DownError says that the server is not asked now.
type DownError struct {
	Err error // why
}

func (e *DownError) Error() string { return e.Err.Error() }
func (e *DownError) Unwrap() error { return e.Err }

// errSilent ends a request to a server that is silent.
var errSilent = errors.New("it does not answer")

// statusError is an answer that is neither good nor ErrAbsent.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("it answers %d: %s", e.code, e.text) }

// refusal says whether the server wants to know better who asks.
func (e *statusError) refusal() bool {
	return e.code == http.StatusUnauthorized || e.code == http.StatusForbidden
}

// passing says whether the same request may go well a moment later.
func (e *statusError) passing() bool {
	return e.code >= 500 || e.code == http.StatusTooManyRequests || e.code == http.StatusRequestTimeout
}

// Client talks to one server. It is safe for several goroutines.
type Client struct {
	Silence time.Duration // see the package
	Pause   time.Duration // before the second attempt; four times as long before the third
	Rest    time.Duration // how long a server that is down is not asked

	url   string
	auth  string // the value of the header, or ""
	token string // name of the variable that it is from
	http  *http.Client
	slots chan struct{}

	mu      sync.Mutex
	down    *DownError
	since   time.Time // that it is down
	failing int       // requests in a row
}

// New makes a client. Config.URL must be sound; token is what Config.TokenEnv names, or "".
func New(c Config, token string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = Parallel, Parallel
	transport.DisableCompression = true // hashes are of the bytes as they are
	client := &Client{
		Silence: 15 * time.Second, Pause: 200 * time.Millisecond, Rest: time.Minute,
		url: strings.TrimRight(c.URL, "/"), token: c.TokenEnv, slots: make(chan struct{}, Parallel),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this server alone
		}},
	}
	switch {
	case strings.Contains(token, ":"):
		client.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(token))
	case token != "":
		client.auth = "Bearer " + token
	}
	return client
}

// URL is where the server is. There is nothing secret in it.
func (c *Client) URL() string { return c.url }

// request is one method on one path.
type request struct {
	method, path string
	open         func() (io.ReadCloser, error) // of PUT: the body
	size         int64                         // of the body
	take         func(body io.Reader) error    // of others: is given the answer's, once for each attempt
}

// call makes a request, several times if it must. It gives ErrAbsent as it is, and a *DownError while the server is
// taken to be down.
func (c *Client) call(ctx context.Context, r request) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		if err := c.asDown(); err != nil {
			return err
		}
		err := c.attempt(ctx, r)
		fault, again := blame(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !fault:
			c.answered(err)
			return err
		case !again || try == attempts:
			return c.failed(err)
		}
		select {
		case <-time.After(c.Pause << (2 * (try - 1))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// LocalError is a failure on this side, for which the server is not to blame: of a file that is read or written.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return e.Err.Error() }
func (e *LocalError) Unwrap() error { return e.Err }

// blame says whether the server, or the way to it, is to blame for an error, and whether another attempt may help.
func blame(err error) (fault, again bool) {
	var own *LocalError
	var corrupt *CorruptError
	var status *statusError
	switch {
	case err == nil || errors.Is(err, ErrAbsent) || errors.As(err, &own) || errors.As(err, &corrupt):
		return false, false
	case errors.As(err, &status):
		return true, status.passing()
	}
	return true, !errors.Is(err, errSilent)
}

func (c *Client) asDown() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil && time.Since(c.since) < c.Rest {
		return c.down
	}
	return nil
}

// answered notes that the server is well. Errors of this side tell nothing about it.
func (c *Client) answered(err error) {
	var own *LocalError
	if errors.As(err, &own) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing, c.down = 0, nil
}

// failed notes that a request failed for good. One bad answer may be about one thing only; a server that cannot be
// reached, is silent or refuses the token is down.
func (c *Client) failed(err error) error {
	var status *statusError
	answers := errors.As(err, &status)
	if answers && status.refusal() {
		err = fmt.Errorf("%w (is the token in %s right?)", err, c.token)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing++; answers && !status.refusal() && c.failing < mostFailing {
		return err
	}
	c.down, c.since = &DownError{err}, time.Now()
	return c.down
}

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, r request) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.Silence, func() { cancel(errSilent) })
	defer watch.Stop()
	err := c.exchange(ctx, r, func() { watch.Reset(c.Silence) }, func() { watch.Stop() })
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return err
}

// exchange sends the request and hands over the answer. wait is called when a byte is waited for, and rest when none is.
func (c *Client) exchange(ctx context.Context, r request, wait, rest func()) error {
	req, err := http.NewRequestWithContext(ctx, r.method, c.url+r.path, nil)
	if err != nil {
		return &LocalError{err}
	}
	if r.open != nil {
		from, err := r.open()
		if err != nil {
			return &LocalError{err}
		}
		if req.Body, req.ContentLength = from, r.size; r.size == 0 {
			req.Body = http.NoBody // or no length would be sent
			defer from.Close()
		} else {
			req.Body = &watched{ReadCloser: from, before: wait, own: true}
		}
	}
	if strings.HasPrefix(r.path, "/ac/") {
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/json")
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if told := new(url.Error); errors.As(err, &told) {
			err = told.Err // whoever shows it tells the address
		}
		return err
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 1<<12) // a connection is used again once it is read to its end
		resp.Body.Close()
	}()
	switch {
	case resp.StatusCode == http.StatusNotFound && r.take != nil:
		return ErrAbsent
	case resp.StatusCode >= 300:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // it only helps to explain
		return &statusError{resp.StatusCode, strings.Join(strings.Fields(string(text)), " ")}
	case r.take == nil:
		return nil
	}
	body := &watched{ReadCloser: resp.Body, before: wait, after: rest}
	err = r.take(body)
	var corrupt *CorruptError
	if err != nil && body.err == nil && !errors.As(err, &corrupt) {
		return &LocalError{err}
	}
	return err
}

// watched tells when it is read, and remembers what went wrong.
type watched struct {
	io.ReadCloser
	before, after func()
	own           bool  // it is read from this side
	err           error // but for the end
}

func (w *watched) Read(p []byte) (int, error) {
	w.before()
	n, err := w.ReadCloser.Read(p)
	if w.after != nil {
		w.after()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if w.err = err; w.own {
			err = &LocalError{err}
		}
	}
	return n, err
}
