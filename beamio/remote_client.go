package beamio

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Defaults of [Remote], and what waits between attempts. Python's retries are 5,
// too.
const (
	defaultRetries       = 5
	defaultRemoteTimeout = time.Minute
	defaultMaxBytes      = 64 << 20
	firstBackoff         = 200 * time.Millisecond // doubles
	longestBackoff       = 30 * time.Second
	longestRetryAfter    = 2 * time.Minute
	maxErrorBody         = 512 // bytes of an answer that an error quotes
)

// headerLength is the header of the binary tensor data extension.
const headerLength = "Inference-Header-Content-Length"

// RemoteError reports a request of a [Remote] model that failed, after all that
// could be done about it.
type RemoteError struct {
	URL      string // without a password
	Status   int    // of the last answer; 0 if there was none
	Body     string // the server's message, or the beginning of its last answer
	Attempts int
	Err      error // why there was no answer; nil if there was one
}

// Error returns "http://host/v2/models/m/infer: 503 Service Unavailable after 6
// attempts: busy", say.
func (e *RemoteError) Error() string {
	s := e.URL + ": "
	if e.Status != 0 {
		s += strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
	} else {
		s += "no answer"
	}
	if e.Attempts > 1 {
		s += fmt.Sprintf(" after %d attempts", e.Attempts)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Body != "" {
		s += ": " + e.Body
	}
	return s
}

// Unwrap returns e.Err.
func (e *RemoteError) Unwrap() error { return e.Err }

// ProtocolError reports an answer of a [Remote] model's server that is not what
// the protocol, or the request, wants.
type ProtocolError struct {
	URL string // without a password
	Err error
}

// Error returns "http://host/v2/models/m/infer: the answer is wrong: no outputs",
// say.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s: the answer is wrong: %v", e.URL, e.Err)
}

// Unwrap returns e.Err.
func (e *ProtocolError) Unwrap() error { return e.Err }

// remoteClient talks to the server of one model. It is used by many goroutines.
type remoteClient struct {
	model      *url.URL
	http       http.Client
	authorizer authorizer // nil for none
	retries    int
	timeout    time.Duration
	maxBytes   int64
	throttle   throttle
}

// newRemoteClient returns a client for the model at u; zeros stand for defaults.
func newRemoteClient(u *url.URL, retries int, timeout time.Duration, maxBytes int64) *remoteClient {
	c := &remoteClient{model: u, retries: retries, timeout: timeout, maxBytes: maxBytes}
	if c.retries == 0 {
		c.retries = defaultRetries
	}
	if c.timeout == 0 {
		c.timeout = defaultRemoteTimeout
	}
	if c.maxBytes == 0 {
		c.maxBytes = defaultMaxBytes
	}
	// No redirects: they would make a GET of a POST, or send the authorization elsewhere.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256 // requests in flight keep their connections
		t.DisableCompression = true                      // lengths in the header are of what is sent
		c.http.Transport = t
	}
	return c
}

// Close closes connections that are not in use.
func (c *remoteClient) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func (c *remoteClient) inferURL() string { return c.model.JoinPath("infer").Redacted() }

// infer sends an inference request and returns the answer, and how long its JSON
// is, -1 if it is all.
func (c *remoteClient) infer(ctx context.Context, body []byte, header int, binary bool) ([]byte, int, error) {
	a, err := c.do(ctx, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.model.JoinPath("infer").String(), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		if binary {
			r.Header.Set("Content-Type", "application/octet-stream")
			r.Header.Set(headerLength, strconv.Itoa(header))
		}
		return r, nil
	})
	if err != nil {
		return nil, 0, err
	}
	length := -1
	if text := a.header.Get(headerLength); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, 0, &ProtocolError{c.inferURL(), fmt.Errorf("%s: %q", headerLength, text)}
		}
		length = int(n)
	}
	return a.body, length, nil
}

// ready waits until the server says that the model is ready.
func (c *remoteClient) ready(ctx context.Context) error {
	_, err := c.do(ctx, func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, c.model.JoinPath("ready").String(), nil)
	})
	return err
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request until it is answered with 200, retries are used up, or
// another attempt would be of no use. Its error is a [*RemoteError], or ctx's.
func (c *remoteClient) do(ctx context.Context, request func(context.Context) (*http.Request, error)) (*answer, error) {
	failed := &RemoteError{URL: c.model.Redacted()}
	for {
		if err := c.throttle.wait(ctx); err != nil {
			return nil, err
		}
		failed.Attempts++
		a, err := c.attempt(ctx, request, failed)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed.Status, failed.Body, failed.Err = 0, "", err
		again, overloaded := err != nil && !isPermanent(err), false
		if err == nil {
			if a.status == http.StatusOK {
				c.throttle.count(1, 1)
				return a, nil
			}
			failed.Status, failed.Body = a.status, messageOf(a.body)
			again = retryable(a.status)
			overloaded = a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
		}
		if again {
			c.throttle.count(1, 0)
		} else {
			c.throttle.count(1, 1) // it is no fault of the server's load
		}
		pause := backoff(failed.Attempts)
		if again && a != nil {
			after := retryAfter(a.header, time.Now())
			again = after <= longestRetryAfter
			pause += after
		}
		if !again || failed.Attempts > c.retries {
			return nil, failed
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		if overloaded {
			c.throttle.lost.Add(int64(pause))
		}
	}
}

// errTooLong is an answer that is not read.
var errTooLong = errors.New("the answer is longer than MaxBytes")

// attempt sends a request once, and reads the answer.
func (c *remoteClient) attempt(
	ctx context.Context, request func(context.Context) (*http.Request, error), failed *RemoteError,
) (*answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := request(limited)
	if err != nil {
		return nil, permanent{err}
	}
	failed.URL = r.URL.Redacted()
	if c.authorizer != nil {
		if _, err := guarded(func() (any, error) { return nil, c.authorizer.Authorize(limited, r) }); err != nil {
			return nil, permanent{fmt.Errorf("Authorize: %w", err)}
		}
	}
	response, err := c.http.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // which would repeat the URL
		}
		return nil, c.late(ctx, limited, err)
	}
	defer response.Body.Close()
	limit := min(c.maxBytes, math.MaxInt64-1)
	if response.StatusCode != http.StatusOK {
		limit = 16 << 10
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case response.StatusCode != http.StatusOK: // the status says enough
		err = nil
	case err != nil:
		return nil, c.late(ctx, limited, err)
	case int64(len(body)) > limit:
		return nil, permanent{errTooLong}
	}
	return &answer{response.StatusCode, response.Header, body}, err
}

// late makes a time-out of an error that came with one.
func (c *remoteClient) late(ctx, limited context.Context, err error) error {
	if ctx.Err() == nil && limited.Err() != nil {
		return &TimeoutError{After: c.timeout}
	}
	return err
}

// permanent is an error that another attempt would repeat.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

func isPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return ok || certificate
}

// retryable reports whether a status says that another attempt may succeed.
func retryable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// backoff returns how long to wait after some attempts: "full jitter", any part
// of a time that doubles, so that clients that failed together do not come back
// together.
func backoff(attempts int) time.Duration {
	limit := longestBackoff
	if shift := attempts - 1; shift < 10 {
		limit = min(limit, firstBackoff<<shift)
	}
	return rand.N(limit)
}

// retryAfter returns how long the server asks to wait, 0 if it does not.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// messageOf returns the protocol's error message, or the beginning of the answer.
func messageOf(body []byte) string {
	var e struct{ Error string }
	s := string(body)
	if json.Unmarshal(body, &e) == nil && e.Error != "" {
		s = e.Error
	}
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxErrorBody {
		s = strings.ToValidUTF8(s[:maxErrorBody], "") + "…"
	}
	return s
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
